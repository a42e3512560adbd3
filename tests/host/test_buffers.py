from dataclasses import replace

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.host.buffers import UNDIVIDED, Division, plan_buffers
from m3vit.model.synthetic import NANO, TINY

ZCU104 = DesignConfig.load("zcu104")


def test_the_tiny_network_on_the_zcu104():
    buffers = plan_buffers(TINY, ZCU104)
    assert buffers.residual_words == 12
    assert (buffers.norm.base, buffers.norm.words, buffers.norm.beats) == (0, 6, 6)
    assert buffers.context.base == buffers.hidden.base == buffers.patches.base == 129 * 6
    assert buffers.queries.base == 2 * 129 * 6
    assert (buffers.hidden.words, buffers.expert_hidden.words) == (24, 12)
    assert (buffers.keys.head, buffers.keys.step) == (9 * 2, 2)  # 9 x 16 keys, 2 x 32 channels
    assert (buffers.values.head, buffers.values.step) == (4 * 5, 5)


def test_rows_that_are_live_together_do_not_overlap():
    """Norm, context and queries are; hidden rows only beside the norm."""
    buffers = plan_buffers(replace(NANO, width=36, num_heads=3), ZCU104)
    tokens = NANO.num_tokens
    ends = {
        name: getattr(buffers, name).base + tokens * getattr(buffers, name).words
        for name in ("norm", "context", "queries")
    }
    assert ends["norm"] <= buffers.context.base
    assert ends["context"] <= buffers.queries.base
    for name in ("hidden", "expert_hidden", "patches"):
        assert getattr(buffers, name).base >= ends["norm"]
    domains = [
        getattr(buffers, name).domain
        for name in ("patches", "norm", "context", "queries", "hidden")
    ]
    assert domains == [0, 1, 2, 3, 4]


def test_narrow_heads_take_whole_words():
    buffers = plan_buffers(replace(NANO, width=36, num_heads=3), ZCU104)
    assert buffers.heads.count == 3 * 32
    assert (buffers.head_words, buffers.head_panel_words, buffers.head_beats) == (2, 1, 1)
    assert buffers.heads.positions[12] == 32


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token_words": 3869}, r"3870 words of codes on chip, 1 more .* \(token_words = 3869\)"),
        ({"residual_words": 1000}, r"1548 words of the residual stream on chip, 548 more"),
        ({"key_value_tiles": 50}, r"54 tiles of keys on chip, 4 more .*key_value_tiles = 50"),
        ({"key_value_tiles": 54}, r"60 tiles of values on chip, 6 more"),
    ],
)
def test_what_does_not_fit_at_once(change, sentence):
    with pytest.raises(UserError, match=sentence):
        plan_buffers(TINY, replace(ZCU104, **change), UNDIVIDED)


@pytest.mark.parametrize(
    ("change", "tiles", "groups"),
    [
        ({"token_words": 3869}, 2, 1),
        ({"residual_words": 1000}, 6, 1),
        ({"key_value_tiles": 59}, 1, 2),
        ({"key_value_tiles": 20, "token_words": 2000}, 3, 3),
    ],
)
def test_as_few_tiles_and_groups_as_possible(change, tiles, groups):
    tiling = plan_buffers(TINY, replace(ZCU104, **change)).tiling
    assert (len(tiling.tiles), len(tiling.head_groups)) == (tiles, groups)


def test_a_network_may_be_divided_though_it_fits():
    tiling = plan_buffers(TINY, ZCU104, Division(tiles=4, heads=2)).tiling
    assert len(tiling.tiles) == 4
    assert tiling.head_groups == (range(2), range(2, 3))
    most = plan_buffers(TINY, ZCU104, Division(tiles=1000)).tiling
    assert most.rows == 8


def test_a_network_stays_whole_if_its_tiles_would_take_more():
    """Two tiles of 8 and patches in front of them are more than 25 tokens."""
    tight = replace(ZCU104, residual_words=25 * 2)
    assert len(plan_buffers(NANO, tight, Division(tiles=2)).tiling.tiles) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token_words": 800}, r"words of codes on chip in \d+ tiles, .* larger token_words"),
        ({"residual_words": 400}, r"words of the residual stream on chip in \d+ tiles"),
        ({"key_value_tiles": 17}, r"18 tiles of keys on chip.*, 1 more .*key_value_tiles = 17"),
    ],
)
def test_what_does_not_fit_however_it_is_divided(change, sentence):
    with pytest.raises(UserError, match=sentence):
        plan_buffers(TINY, replace(ZCU104, **change))


def test_m3vit_small_on_the_zcu104():
    """1,025 tokens: contexts of all of them, everything else of one tile."""
    small = replace(TINY, image_height=512, image_width=512, width=384, num_heads=12, hidden=1536)
    buffers = plan_buffers(small, ZCU104)
    tiles = buffers.tiling.tiles
    assert [tile.first for tile in tiles] == [0, 208, 416, 624, 832]
    assert tiles[-1].end == small.num_tokens == 1025
    assert buffers.tiling.head_groups == (range(6), range(6, 12))
    assert buffers.queries.base - buffers.context.base == 1025 * 12
    assert buffers.queries.words == 6


def test_many_narrow_heads_make_long_rows():
    network = replace(NANO, width=36, num_heads=12)
    design = replace(ZCU104, max_hidden=192, max_tokens=25)
    with pytest.raises(UserError, match=r"rows of contexts take 12 tiles .*, 6 more than"):
        plan_buffers(network, design)


def test_it_fits_to_the_last_word():
    plan_buffers(TINY, replace(ZCU104, token_words=3870, residual_words=1548, key_value_tiles=60))
