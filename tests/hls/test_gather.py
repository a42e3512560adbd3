"""Rows of listed tokens against NumPy's indexing, on every rung."""

import numpy as np
import pytest

from m3vit.sim.streams.experts import gather_inputs


def gathered(design, codes, wanted):
    """What leaves: rows in whole panel words, lanes without a channel zero."""
    rows = codes[np.concatenate(wanted)] if wanted else codes[:0]
    words = -(-codes.shape[1] // design.panel_lanes)
    padded = np.zeros((len(rows), words * design.panel_lanes), np.int16)
    padded[:, : codes.shape[1]] = rows
    return {"gathered": padded.reshape(-1, design.panel_lanes)}


def climb(ladder, design, codes, wanted, rtl=False):
    expected = gathered(design, codes, wanted)
    return ladder("gather", design, gather_inputs(design, codes, wanted), expected, rtl)


def random_codes(tokens, width, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, (tokens, width)).astype(np.int8)


@pytest.mark.parametrize(("tokens", "width"), [(1, 1), (1, 4), (5, 13), (136, 192)])
def test_every_row_backwards(nano, ladder, tokens, width):
    climb(ladder, nano, random_codes(tokens, width), [np.arange(tokens)[::-1]])


def test_a_word_per_cycle(nano, ladder):
    found = climb(ladder, nano, random_codes(30, 13), [np.arange(30)[::-1]], rtl=True)
    assert found["rows"].interval == found["gathered"].interval == 1


def test_lists_of_every_length(nano, ladder):
    random = np.random.default_rng(0)
    wanted = [random.integers(0, 20, count) for count in range(1, 8)]
    climb(ladder, nano, random_codes(20, 24), wanted, rtl=True)


def test_one_row_again_and_again(nano, ladder):
    climb(ladder, nano, random_codes(3, 8), [np.array([1, 1, 1]), np.array([1])])


def test_new_rows_replace_the_old(nano, ladder):
    """A layer after another, of another width."""
    layers = [(random_codes(9, 12), [np.arange(9)]), (random_codes(4, 32, seed=1), [np.arange(4)])]
    inputs = [gather_inputs(nano, *layer) for layer in layers]
    outputs = [gathered(nano, *layer)["gathered"] for layer in layers]
    ladder(
        "gather",
        nano,
        {name: np.concatenate([given[name] for given in inputs]) for name in inputs[0]},
        {"gathered": np.concatenate(outputs)},
        rtl=True,
    )


def test_network(nano, ladder, golden):
    vector = golden("run_experts")[0]
    wanted = [np.nonzero(vector.inputs["experts"] == expert)[0] for expert in range(8)]
    climb(ladder, nano, vector.inputs["codes"], [tokens for tokens in wanted if tokens.size])


@pytest.mark.parametrize("width", [16, 48, 192])
def test_words_that_leave_are_wider(zcu104, ladder, width):
    """An odd number of words that come fills the last word that leaves by half."""
    climb(ladder, zcu104, random_codes(7, width), [np.array([6, 0, 3]), np.array([2])])
    assert zcu104.panel_lanes == 2 * zcu104.lanes


def test_as_many_rows_as_fit(zcu104, ladder):
    tokens = zcu104.max_routed_values // 256
    climb(ladder, zcu104, random_codes(tokens, 256), [np.array([tokens - 1, 0])])
