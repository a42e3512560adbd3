import numpy as np

from m3vit.hls.design import DesignConfig
from m3vit.host.results import read_blocks, read_picks, read_rows
from m3vit.host.tiling import Tile


def test_rows_lose_their_padding():
    rows = np.arange(3 * 8).reshape(3, 8).astype("<i2")
    content = np.frombuffer(rows.tobytes(), np.uint8)
    np.testing.assert_array_equal(read_rows(content, 3, 5), rows[:, :5])


def test_blocks_come_back_as_rows():
    """Chunks of two words; blocks of two rows, the last one of a single row."""
    design = DesignConfig.load("nano")
    expected = np.arange(5 * 16).reshape(5, 16).astype("<i2")
    words = []
    for chunk in (0, 1):
        for block in (range(2), range(2, 4), range(4, 5)):
            for group in (0, 1):
                start = (2 * chunk + group) * 4
                words += [expected[row, start : start + 4] for row in block]
    content = np.frombuffer(np.concatenate(words).tobytes(), np.uint8)
    np.testing.assert_array_equal(read_blocks(content, 5, (2, 2), design), expected)


def test_picks_of_tiles_count_from_the_tile_on():
    picks = [token | expert << 12 for token, expert in [(0, 5), (1, 1), (2, 0), (0, 2), (1, 4)]]
    content = np.frombuffer(np.array(picks, "<u8").tobytes(), np.uint8)
    routing = read_picks(content, [Tile(0, 3), Tile(3, 2)], 1)
    assert routing.experts[:, 0].tolist() == [5, 1, 0, 2, 4]


def test_picks_say_where_they_belong():
    picks = [
        token | expert << 12 | rank << 20 | score << 24
        for token, expert, rank, score in [
            (0, 5, 0, 32768),
            (0, 1, 1, 7),
            (1, 0, 0, 9),
            (1, 2, 1, 0),
        ]
    ]
    content = np.frombuffer(np.array(picks, "<u8").tobytes(), np.uint8)
    routing = read_picks(content, [Tile(0, 2)], 2)
    assert routing.experts.tolist() == [[5, 1], [0, 2]]
    assert routing.scores.tolist() == [[32768, 7], [9, 0]]
    assert routing.logits.shape == (2, 0)
