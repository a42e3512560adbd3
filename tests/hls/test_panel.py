"""The activation panel: tiles of row blocks, repeated, with zeros for what is missing."""

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
        blocks, beats = -(-tokens // height), -(-words * lanes // inputs)
        padded = np.zeros((blocks * height, beats * inputs), values.dtype)
        padded[:tokens, : words * lanes] = values
        sent = padded.reshape(blocks, 1, height, beats, inputs).swapaxes(2, 3)
        tiles.append(sent.repeat(repeats, axis=1).reshape(-1, height, inputs))
    names = ("tokens", "words", "repeats", "interleaved")
    fields = dict(zip(names, np.array([(*c, 0) for c in commands]).T, strict=True))
    return {"commands": fields, "rows": np.concatenate(rows)}, {"tiles": np.concatenate(tiles)}


def interleave(inputs, design, chosen):
    """The same rows, word by word in the commands of these numbers."""
    commands, rows, start = inputs["commands"], inputs["rows"].copy(), 0
    for index, (tokens, words) in enumerate(
        zip(commands["tokens"], commands["words"], strict=True)
    ):
        end = start + tokens * words
        if index in chosen:
            assert tokens <= design.array_tokens
            by_token = rows[start:end].reshape(tokens, words, -1)
            rows[start:end] = by_token.swapaxes(0, 1).reshape(tokens * words, -1)
            commands["interleaved"][index] = 1
        start = end
    return {"commands": commands, "rows": rows}


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
    """Attention weights come word by word, between other rows."""
    commands = [(2, 5, 4), (2, 3, 2), (1, 4, 1), (5, 2, 1), (2, 1, 3), (2, 2, 2)]
    inputs, tiles = stimulus(nano, commands)
    ladder("panel", nano, interleave(inputs, nano, {0, 2, 4, 5}), tiles, rtl=True)


def test_interleaved_rows_of_a_large_design(zcu104, ladder):
    inputs, tiles = stimulus(zcu104, [(4, 5, 4), (3, 9, 2), (4, 6, 1)])
    ladder("panel", zcu104, interleave(inputs, zcu104, {0, 1}), tiles)


def test_longest_rows_and_most_tokens(nano, ladder):
    longest = nano.max_hidden // nano.panel_lanes
    ladder("panel", nano, *stimulus(nano, [(5, longest, 2), (nano.max_tokens, 3, 1)]))


def test_large_design(zcu104, ladder):
    longest = zcu104.max_hidden // zcu104.panel_lanes
    ladder("panel", zcu104, *stimulus(zcu104, [(7, 5, 3), (1, 1, 1), (9, longest, 2)]))
