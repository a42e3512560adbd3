"""Tiles of sums to rows: every token once, none that only fills a tile."""

import numpy as np
import pytest


def stimulus(design, commands):
    """Streams for a list of (sweeps, tokens), and the rows."""
    random = np.random.default_rng(1)
    height, lanes = design.array_tokens, design.lanes
    tiles, rows = [], []
    for sweeps, tokens in commands:
        for _ in range(sweeps):
            blocks = -(-tokens // height)
            sums = random.integers(-(1 << 31), 1 << 31, (blocks, height, lanes))
            tiles.append(sums)
            rows.append(sums.reshape(-1, lanes)[:tokens])
    counts, lengths = np.array(commands).T
    inputs = {
        "commands": {"sweeps": counts, "tokens": lengths},
        "tiles": np.concatenate(tiles),
    }
    return inputs, {"rows": np.concatenate(rows)}


@pytest.mark.parametrize("commands", [[(1, 1)], [(2, 9), (1, 1), (1, 2), (3, 7)], [(1, 2048)]])
def test_sweeps(nano, ladder, commands):
    ladder("serialise", nano, *stimulus(nano, commands))


def test_a_row_per_cycle(nano, ladder):
    commands = [(sweeps, tokens) for sweeps in range(1, 4) for tokens in range(1, 6)]
    found = ladder("serialise", nano, *stimulus(nano, commands), rtl=True)
    assert found["rows"].interval == 1


def test_large_array(zcu104, ladder):
    ladder("serialise", zcu104, *stimulus(zcu104, [(3, 6), (1, 4), (2, 1), (1, 3)]))
