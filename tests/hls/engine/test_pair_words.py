"""Attention weights to panel words: word by word, the rows of a group side by side."""

import dataclasses

import numpy as np
import pytest


def stimulus(design, groups):
    """Streams for a list of (rows, words), and the panel's words."""
    random = np.random.default_rng(8)
    parts = design.panel_lanes // design.lanes
    weights, words = [], []
    for rows, count in groups:
        row_words = random.integers(0, 256, (rows, count, design.lanes))
        weights.append(row_words.swapaxes(0, 1).reshape(-1, design.lanes))
        padded = np.zeros((rows, -(-count // parts) * parts, design.lanes), row_words.dtype)
        padded[:, :count] = row_words
        joined = padded.reshape(rows, -1, design.panel_lanes)
        words.append(joined.swapaxes(0, 1).reshape(-1, design.panel_lanes))
    rows, counts = np.array(groups).T
    inputs = {"commands": {"rows": rows, "words": counts}, "weights": np.concatenate(weights)}
    return inputs, {"words": np.concatenate(words)}


GROUPS = [(2, 33), (1, 1), (2, 1), (1, 4), (2, 2), (2, 7), (1, 7)]


def test_words_of_one_part(nano, ladder):
    found = ladder("pair_words", nano, *stimulus(nano, GROUPS), rtl=True)
    assert found["weights"].interval == 1


@pytest.mark.parametrize("parts", [2, 4])
def test_words_of_several_parts(nano, ladder, parts):
    """The last word of a row may be filled in part."""
    design = dataclasses.replace(nano, array_inputs=16, panel_lanes=parts * nano.lanes)
    found = ladder("pair_words", design, *stimulus(design, GROUPS), rtl=True)
    assert found["weights"].interval == 1


def test_large_design(zcu104, ladder):
    ladder("pair_words", zcu104, *stimulus(zcu104, [(4, 9), (4, 9), (1, 9), (3, 76)]))
