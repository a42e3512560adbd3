"""The activation panel: tiles of row blocks, repeated, with zeros for what is missing."""

import dataclasses

import numpy as np
import pytest

LIMITS = (-128, 255)


def stimulus(design, commands):
    """Streams for a list of (tokens, words, repeats), and the tiles."""
    random = np.random.default_rng(6)
    height, inputs, lanes = design.array_tokens, design.array_inputs, design.panel_lanes
    rows, tiles = [], []
    for tokens, words, repeats in commands:
        values = random.integers(LIMITS[0], LIMITS[1] + 1, (tokens, words * lanes))
        rows.append(values.reshape(-1, lanes))
        blocks, beats = -(-tokens // height), design.beats(words * lanes)
        padded = np.zeros((blocks * height, beats * inputs), values.dtype)
        padded[:tokens, : words * lanes] = values
        sent = padded.reshape(blocks, 1, height, beats, inputs).swapaxes(2, 3)
        tiles.append(sent.repeat(repeats, axis=1).reshape(-1, height, inputs))
    names = ("tokens", "words", "repeats", "interleaved")
    fields = dict(zip(names, np.array([(*c, 0) for c in commands]).T, strict=True))
    none = np.zeros((0, lanes), np.int64)
    inputs = {"commands": fields, "rows": np.concatenate(rows)}
    return {**inputs, "weights_0": none, "weights_1": none}, {"tiles": np.concatenate(tiles)}


def interleave(inputs, design, chosen):
    """The same rows, as attention weights in the commands of these numbers."""
    commands, start, half = inputs["commands"], 0, design.array_tokens // 2
    rows, weights_0, weights_1 = [], [], []
    for index, (tokens, words) in enumerate(
        zip(commands["tokens"], commands["words"], strict=True)
    ):
        block = inputs["rows"][start : start + tokens * words]
        start += tokens * words
        if index in chosen:
            assert tokens <= design.array_tokens
            by_word = block.reshape(tokens, words, -1).swapaxes(0, 1)
            weights_0.append(by_word[:, :half].reshape(-1, design.panel_lanes))
            weights_1.append(by_word[:, half:].reshape(-1, design.panel_lanes))
            commands["interleaved"][index] = 1
        else:
            rows.append(block)
    return {
        "commands": commands,
        "rows": np.concatenate(rows),
        "weights_0": np.concatenate(weights_0),
        "weights_1": np.concatenate(weights_1),
    }


def test_a_tile_and_a_word_per_cycle(nano, ladder):
    """Two tokens of 9 words, sent five times: while a block leaves, the next one is there."""
    found = ladder("panel", nano, *stimulus(nano, [(9, 9, 5), (3, 1, 20), (2, 9, 5)]), rtl=True)
    assert found["tiles"].interval == 1


@pytest.mark.parametrize(
    "commands",
    [
        [(1, 1, 1)],
        [(2, 2, 1), (4, 4, 2)],
        [(5, 3, 3), (1, 1, 1), (1, 5, 1), (3, 2, 4)],
        [(tokens, words, 1) for tokens in (1, 2, 3) for words in (1, 2, 3)],
    ],
)
def test_blocks(nano, ladder, commands):
    ladder("panel", nano, *stimulus(nano, commands))


def test_interleaved_rows(nano, ladder):
    """Attention weights come word by word and half by half, between other rows."""
    commands = [(2, 5, 4), (2, 3, 2), (1, 4, 1), (5, 2, 1), (2, 1, 3), (2, 2, 2)]
    inputs, tiles = stimulus(nano, commands)
    ladder("panel", nano, interleave(inputs, nano, {0, 2, 4, 5}), tiles, rtl=True)


def test_two_words_of_attention_weights_per_cycle(nano, ladder):
    """Four rows of 33 words in 66 cycles, and one between blocks."""
    design = dataclasses.replace(nano, array_tokens=4)
    inputs, tiles = stimulus(design, [(2, 1, 1), *[(4, 33, 2)] * 3])
    given = interleave(inputs, design, {1, 2, 3})
    found = ladder("panel", design, given, tiles, rtl=True)
    for half in ("weights_0", "weights_1"):
        assert found[half].beats == 3 * 66
        assert found[half].last_cycle - found[half].first_cycle < 3 * 67


@pytest.mark.parametrize("tokens", range(1, 7))
def test_halves_of_any_size(nano, ladder, tokens):
    design = dataclasses.replace(nano, array_tokens=6)
    inputs, tiles = stimulus(design, [(tokens, 3, 2), (7, 2, 1), (tokens, 1, 3), (6, 2, 1)])
    ladder("panel", design, interleave(inputs, design, {0, 2, 3}), tiles)


@pytest.mark.parametrize("lanes", [16, 32])
def test_words_of_several_beats(nano, ladder, lanes):
    design = dataclasses.replace(nano, array_tokens=4, panel_lanes=lanes)
    commands = [(9, 3, 2), (2, 1, 3), (4, 9, 1), (1, 4, 1), (3, 2, 2), (4, 1, 1), (7, 9, 3)]
    inputs, tiles = stimulus(design, commands)
    ladder("panel", design, interleave(inputs, design, {1, 2, 4}), tiles, rtl=True)


def test_words_of_several_beats_come_one_by_one(nano, ladder):
    """Four tokens of 9 words come in 36 cycles and leave in 36: 18 beats, twice."""
    design = dataclasses.replace(nano, array_tokens=4, panel_lanes=2 * nano.array_inputs)
    found = ladder("panel", design, *stimulus(design, [(24, 9, 2)]), rtl=True)
    assert found["tiles"].interval < 1.1


def test_interleaved_rows_of_a_large_design(zcu104, ladder):
    inputs, tiles = stimulus(zcu104, [(4, 5, 4), (3, 9, 2), (4, 6, 1), (2, 3, 1), (1, 4, 2)])
    given = interleave(inputs, zcu104, {0, 1, 3, 4})
    ladder("panel", zcu104, given, tiles, rtl=True)


def test_longest_rows_and_most_tokens(nano, ladder):
    longest = nano.max_hidden // nano.panel_lanes
    ladder("panel", nano, *stimulus(nano, [(5, longest, 2), (nano.max_tokens, 3, 1)]))


def test_large_design(zcu104, ladder):
    longest = zcu104.max_hidden // zcu104.panel_lanes
    ladder("panel", zcu104, *stimulus(zcu104, [(7, 5, 3), (1, 1, 1), (9, longest, 2)]))


def test_more_attention_weights_than_hidden_channels(nano, ladder):
    """The longest row may be one of weights."""
    design = dataclasses.replace(nano, max_hidden=16, max_width=16)
    longest = design.max_tokens // design.panel_lanes
    inputs, tiles = stimulus(design, [(2, longest, 2), (2, 2, 3), (2, longest, 1), (1, longest, 2)])
    ladder("panel", design, interleave(inputs, design, {0, 2, 3}), tiles, rtl=True)
