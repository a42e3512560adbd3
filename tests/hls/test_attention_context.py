"""Attention context against `integer_ops.attention_context`: late division, requantisation."""

import numpy as np
import pytest

from m3vit.model.integer_ops import attention_context
from m3vit.model.parameters import Heads
from m3vit.sim.streams import attention as streams
from m3vit.sim.streams.words import arrival, split


def climb(ladder, design, *calls, rtl=False):
    """Each call: weights (H, T, keys), values (H, keys, d), parameters and the rows of a group."""
    inputs, codes = [], []
    for weights, value, parameters, group in calls:
        products = weights.astype(np.int64) @ value.astype(np.int64)
        sums = weights.sum(axis=2, dtype=np.int64)
        inputs.append(streams.context_inputs(design, products, sums, parameters, group))
        heads, tokens, width = products.shape
        found = reference(weights, value, parameters).reshape(tokens, heads, width)
        order = arrival(tokens, -(-width // design.lanes), group)
        for head in range(heads):
            # Lanes behind the last channel hold a sum of zero.
            words = split(found[:, head], np.dtype([("lane", np.int8, design.lanes)]))
            padded = words["lane"].reshape(tokens, -1)
            padded[:, width:] = parameters.zero_point
            codes.append(padded.reshape(-1, design.lanes)[order])
    return ladder(
        "attention_context",
        design,
        {name: np.concatenate([streams[name] for streams in inputs]) for name in inputs[0]},
        {"codes": np.concatenate(codes)},
        rtl,
    )


def reference(weights, value, parameters):
    """`attention_context`, also for other numbers of queries than of keys."""
    heads, queries, keys = weights.shape
    square = np.zeros((heads, max(queries, keys), keys), np.uint8)
    square[:, :queries], square[:, queries:] = weights, 255
    padded = np.zeros((heads, max(queries, keys), value.shape[2]), np.int8)
    padded[:, :keys] = value
    weights = np.zeros((heads, square.shape[1], square.shape[1]), np.uint8)
    weights[:, :, :keys] = square
    return attention_context(weights, padded, parameters)[:queries]


def attention(random, heads, queries, keys, width):
    """Weights with a maximum of 255 in each row, and values."""
    weights = random.integers(0, 256, (heads, queries, keys))
    weights[..., 0] = 255
    value = random.integers(-128, 128, (heads, keys, width))
    return weights.astype(np.uint8), value.astype(np.int8)


def heads(random, count, shifts=(21, 26), zero_point=-5):
    return Heads(
        random.integers(1 << 14, 1 << 15, count).astype(np.int16),
        random.integers(*shifts, count).astype(np.uint8),
        zero_point,
        8,
    )


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(("tokens", "width"), [(1, 1), (5, 4), (6, 7), (3, 64), (136, 8)])
def test_shapes(nano, ladder, tokens, width, group):
    random = np.random.default_rng(width)
    climb(ladder, nano, (*attention(random, 2, tokens, tokens, width), heads(random, 2), group))


@pytest.mark.parametrize("shift", range(11, 43))
def test_every_shift(nano, ladder, shift):
    random = np.random.default_rng(shift)
    parameters = heads(random, 1, (shift, shift + 1), zero_point=3)
    climb(ladder, nano, (*attention(random, 1, 8, 8, 12), parameters, 1))


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_largest_contexts_and_zero_points(nano, ladder, zero_point):
    """All values at an end of their range; codes saturate on both sides."""
    random = np.random.default_rng(11)
    weights, value = attention(random, 1, 9, 9, 16)
    value[:] = random.choice([-128, 127], value.shape[2])
    parameters = heads(random, 1, (18, 25), zero_point)
    climb(ladder, nano, (weights, value, parameters, 2), rtl=True)


def test_sums_of_every_length(nano, ladder):
    """One key of weight 255 up to the largest sum, and powers of two."""
    random = np.random.default_rng(12)
    keys = 2048
    weights = np.zeros((1, 30, keys), np.uint8)
    for row, full in enumerate((1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025, 2048)):
        weights[0, row, :full] = 255
        weights[0, row + 13, :full], weights[0, row + 13, full - 1] = 255, 1  # near another length
        weights[0, row + 13, 0] = 255
    weights[0, 26:] = np.repeat(np.array([128, 64, 32, 255], np.uint8)[:, None], keys, axis=1)
    weights[0, 26:, 0] = 255
    weights[0, 26, 1:] = 0
    weights[0, 26, 1] = 1  # 256
    value = random.integers(-128, 128, (1, keys, 4)).astype(np.int8)
    climb(ladder, nano, (weights, value, heads(random, 1, (24, 25)), 1), rtl=True)


def test_a_sequence_of_commands(nano, ladder):
    random = np.random.default_rng(13)
    climb(
        ladder,
        nano,
        (*attention(random, 1, 3, 3, 8), heads(random, 1), 2),
        (*attention(random, 3, 1, 1, 5), heads(random, 3, zero_point=0), 1),
        (*attention(random, 2, 5, 5, 4), heads(random, 2, zero_point=90), 2),
        rtl=True,
    )


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("width", [4, 32])
def test_a_word_per_cycle(nano, ladder, width, group):
    """Also with one word per row, that is a reciprocal per cycle."""
    random = np.random.default_rng(28)
    call = (*attention(random, 1, 24, 24, width), heads(random, 1), group)
    found = climb(ladder, nano, call, rtl=True)
    assert found["codes"].interval == 1


def test_large_design(zcu104, ladder):
    random = np.random.default_rng(14)
    for group in (1, 3, 4):
        climb(ladder, zcu104, (*attention(random, 2, 10, 10, 64), heads(random, 2), group))


def test_network(nano, ladder, golden):
    for call in golden("attention_context"):
        arrays = call.inputs["weights"], call.inputs["value"]
        climb(ladder, nano, (*arrays, call.parameters, 2))
