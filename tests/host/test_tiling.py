from dataclasses import replace

import pytest

from m3vit.hls.design import DesignConfig
from m3vit.host.tiling import Held, Strips, Tile, Tiling, strips_of, tilings, whole
from m3vit.model.synthetic import NANO, TINY

ZCU104 = DesignConfig.load("zcu104")


def test_a_whole_network_stays_where_it_is():
    tiling = whole(TINY, heads=3)
    assert tiling.tiles == (Tile(0, 129),)
    assert tiling.head_groups == (range(3),)
    assert not tiling.streamed
    assert tiling.held(tiling.tiles[0], 7) == Held(tiling.tiles[0], 0, 0)


@pytest.mark.parametrize(
    ("heads", "most", "groups"),
    [(12, 7, [6, 6]), (5, 2, [2, 2, 1]), (7, 4, [4, 3]), (3, 3, [3]), (4, 0, [1, 1, 1, 1])],
)
def test_groups_are_few_and_even(heads, most, groups):
    network = replace(NANO, num_heads=heads, width=4 * heads)
    found = whole(network, most).head_groups
    assert [len(group) for group in found] == groups
    assert [head for group in found for head in group] == list(range(heads))


@pytest.mark.parametrize("kept", [1, 2, 4])
@pytest.mark.parametrize("width", [32, 36, 48])
def test_tiles_cover_all_tokens_and_begin_at_lines(kept, width):
    network = replace(NANO, image_height=96, width=width, num_heads=4, experts_per_token=kept)
    words = -(-width // 16)
    found = list(tilings(network, ZCU104, words, 4))
    sizes = [tiling.rows for tiling in found]
    assert sizes == sorted(set(sizes), reverse=True)
    for tiling in found:
        ends = [tile.end for tile in tiling.tiles]
        assert [tile.first for tile in tiling.tiles] == [0, *ends[:-1]]
        assert ends[-1] == network.num_tokens
        assert all(tile.first * words * 32 % 64 == 0 for tile in tiling.tiles)
        assert all(tile.first * kept * 8 % 64 == 0 for tile in tiling.tiles)
        assert all(strips_of(network, tile).lead <= tiling.lead for tile in tiling.tiles)


def test_neighbours_are_in_different_banks():
    tiling = Tiling((Tile(0, 40), Tile(40, 9)), (range(3),), lead=5)
    first, second = tiling.tiles
    assert tiling.held(first, 0) == Held(first, 5, 0)
    assert tiling.held(second, 1) == Held(second, 50, 1)
    assert tiling.held(first, 2) == Held(first, 5, 0)


def test_strips_of_a_tile():
    """TINY has 16 patches in a row."""
    assert strips_of(TINY, Tile(0, 129)) == Strips(0, 8, 0, 128)
    assert strips_of(TINY, Tile(0, 40)) == Strips(0, 3, 0, 39)
    assert strips_of(TINY, Tile(40, 30)) == Strips(2, 3, 7, 37)
    assert strips_of(TINY, Tile(0, 1)) == Strips(0, 0, 0, 0)
    # 5 patches of 4 x 4 x 3 pixels in a row: every fourth strip begins at a line.
    odd = replace(NANO, image_height=40, image_width=20, patch_size=4)
    assert strips_of(odd, Tile(37, 4)) == Strips(4, 4, 16, 20)
