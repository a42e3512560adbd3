"""The softmax of half of the array's rows: tiles of sums to words of the panel, and sums."""

import dataclasses

import numpy as np
import pytest

from m3vit.model.fixed import ACCUMULATOR_BITS, Requantisation, requantise, shift_range
from m3vit.model.integer_ops import attention_weights


def stimulus(design, blocks):
    """Streams for a list of (rows, keys), and what is expected."""
    random = np.random.default_rng(17)
    half, lanes, panel = design.array_tokens // 2, design.lanes, design.panel_lanes
    commands, tiles, words, sums = [], [], [], []
    for rows, keys in blocks:
        groups = -(-keys // lanes)
        found, multiplier, shift = products(random, half, groups * lanes)
        commands.append((rows, groups, keys, multiplier, shift))
        tiles.append(found.reshape(half, groups, lanes).swapaxes(0, 1))
        channel = np.ones(keys, np.int64)
        rule = Requantisation(0 * channel, multiplier * channel, shift * channel, 0, 16)
        logits = requantise(found[:rows, :keys], rule)
        weights = attention_weights(logits[None])[0]
        padded = np.zeros((rows, -(-keys // panel) * panel), np.int64)
        padded[:, :keys] = weights
        words.append(padded.reshape(rows, -1, panel).swapaxes(0, 1).reshape(-1, panel))
        sums.append(weights.sum(axis=1, dtype=np.int64))
    names = ("rows", "words", "keys", "multiplier", "shift")
    inputs = {
        "commands": dict(zip(names, np.array(commands).T, strict=True)),
        "tiles": np.concatenate(tiles),
    }
    return inputs, {"words": np.concatenate(words), "sums": np.concatenate(sums)}


def products(random, rows, keys):
    """Sums, a multiplier and a shift that make logits which differ by some octaves."""
    multiplier = random.integers(1 << 14, 1 << 15)
    shift = random.integers(*shift_range(ACCUMULATOR_BITS))
    reach = min(1 << ACCUMULATOR_BITS - 1, int(600 * 2.0 ** (shift - 14)))
    return random.integers(-reach, reach, (rows, keys)), multiplier, shift


@pytest.mark.parametrize("tokens", [2, 4])
def test_blocks(nano, ladder, tokens):
    """Also with rows that only fill a tile."""
    design = dataclasses.replace(nano, array_tokens=tokens)
    sizes = [(1 + place % (tokens // 2), keys) for place, keys in enumerate((136, 1, 4, 5, 23, 7))]
    ladder("softmax", design, *stimulus(design, [*sizes, *sizes[::-1]]), rtl=True)


@pytest.mark.parametrize("keys", [4, 12, 136])
def test_a_word_per_cycle(nano, ladder, keys):
    """But for a cycle per block."""
    design = dataclasses.replace(nano, array_tokens=4)
    found = ladder("softmax", design, *stimulus(design, [(2, keys)] * 30), rtl=True)
    words = 2 * keys // design.lanes
    assert found["tiles"].last_cycle - found["tiles"].first_cycle <= 30 * (words + 1)


def test_words_of_several_parts(nano, ladder):
    design = dataclasses.replace(nano, array_tokens=4, array_inputs=16, panel_lanes=8)
    blocks = [(2, 136), (1, 5), (2, 4), (2, 21)]
    ladder("softmax", design, *stimulus(design, blocks), rtl=True)


def test_large_design(zcu104, ladder):
    blocks = [(2, 1025), (1, 1025), (2, zcu104.max_tokens), (2, 129)]
    ladder("softmax", zcu104, *stimulus(zcu104, blocks), rtl=True)
