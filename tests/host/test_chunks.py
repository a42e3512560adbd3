from dataclasses import replace

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.host.chunks import check_one_chunk, chunk_groups

ZCU104 = DesignConfig.load("zcu104")


@pytest.mark.parametrize(
    ("groups", "words", "expected"),
    [
        (12, 6, 12),  # D 192: all at once
        (192, 24, 32),  # 3,072 outputs of 768 inputs: a quarter of the ring
        (48, 96, 8),  # and back
        (5, 6, 5),
        (1, 12, 1),
    ],
)
def test_chunks_fill_a_quarter_of_the_rings_at_most(groups, words, expected):
    found = chunk_groups(ZCU104, "it", groups, words, words)
    assert found == expected
    assert groups % found == 0
    assert found * words * 4 <= ZCU104.weight_tiles


def test_the_panel_is_worth_more_than_the_quarter():
    """Rows of 96 words take 384 cycles to arrive: four groups of 96 tiles hide them."""
    design = replace(ZCU104, weight_tiles=1024)
    assert chunk_groups(design, "it", 48, 96, 96) == 4
    assert chunk_groups(replace(ZCU104, weight_tiles=128), "it", 48, 96, 96) == 1


def test_numbers_without_a_fitting_divisor():
    with pytest.raises(UserError, match=r"the up matmul has 1031 words of outputs, .* 255 "):
        chunk_groups(ZCU104, "the up matmul", 1031, 6, 6)


def test_rows_that_are_too_long():
    with pytest.raises(
        UserError, match=r"has 4100 words of outputs, 5 more than the engine's 4095"
    ):
        chunk_groups(ZCU104, "it", 4100, 6, 6)


def test_what_does_not_fit():
    with pytest.raises(UserError, match=r"needs 4200 tiles .*, 104 more .*weight_tiles = 4096"):
        check_one_chunk(ZCU104, "it", 700, 6)
    with pytest.raises(UserError, match=r"needs 600 words of parameters .*, 88 more than"):
        check_one_chunk(ZCU104, "it", 600, 6)
    check_one_chunk(ZCU104, "it", 512, 8)
    design = replace(ZCU104, weight_tiles=128)
    with pytest.raises(UserError, match=r"it needs 140 tiles of weights at a time, 12 more than"):
        chunk_groups(design, "it", 8, 140, 140)
