"""Inputs of gates as two rows of bytes each: 256 x high + low is the input."""

import dataclasses

import numpy as np

from m3vit.sim.rtl.stalls import NONE

LIMITS = np.array([-32768, -32767, -257, -256, -255, -129, -128, -1, 0, 1, 127, 128, 255, 32767])


def stimulus(design, commands):
    """Streams for a list of (rows, words), and the words of bytes."""
    random = np.random.default_rng(9)
    parts = design.panel_lanes // design.lanes
    rows, words = [], []
    for count, length in commands:
        values = random.integers(-32768, 32768, (count, length, design.lanes))
        values.reshape(-1)[: LIMITS.size] = LIMITS[: values.size]
        rows.append(values.reshape(-1, design.lanes))
        padded = np.zeros((count, 1, -(-length // parts) * parts, design.lanes), values.dtype)
        padded[:, 0, :length] = values
        both = np.concatenate([padded >> 8, padded & 255], axis=1)
        words.append(both.reshape(-1, design.panel_lanes))
    counts, lengths = np.array(commands).T
    inputs = {"commands": {"rows": counts, "words": lengths}, "rows": np.concatenate(rows)}
    return inputs, {"words": np.concatenate(words)}


COMMANDS = [(9, 8), (1, 1), (3, 2), (2, 5), (4, 1)]


def test_rows_of_all_lengths(nano, ladder):
    ladder("split_bytes", nano, *stimulus(nano, COMMANDS), rtl=True)


def test_a_word_per_cycle(nano, ladder):
    inputs, words = stimulus(nano, [(9, 8), (2, 6)])
    found = ladder("split_bytes", nano, inputs, words, rtl=(NONE,))
    assert found["words"].interval == 1


def test_words_of_two_parts(nano, ladder):
    design = dataclasses.replace(nano, panel_lanes=2 * nano.lanes)
    ladder("split_bytes", design, *stimulus(design, COMMANDS), rtl=True)


def test_large_design(zcu104, ladder):
    longest = zcu104.max_width // zcu104.lanes
    ladder("split_bytes", zcu104, *stimulus(zcu104, [(3, longest), (2, 12), (2, 3)]))
