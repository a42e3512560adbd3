"""Attention weights against `integer_ops.attention_weights`: rows in groups, masks, extremes."""

import numpy as np
import pytest

from m3vit.model.integer_ops import attention_weights
from m3vit.sim.streams import attention as streams
from m3vit.sim.streams.words import arrival, split


def climb(ladder, design, *calls, rtl=False):
    """Each call: logits (H, queries, keys) and the rows of a group."""
    inputs, weights, sums = [], [], []
    for logits, group in calls:
        inputs.append(streams.weights_inputs(design, logits, group))
        found = attention_weights(logits)
        sums.append(found.sum(axis=2, dtype=np.int64).reshape(-1))
        dtype = np.dtype([("lane", np.uint8, design.lanes)])
        order = arrival(logits.shape[1], -(-logits.shape[2] // design.lanes), group)
        weights += [split(head, dtype)["lane"][order] for head in found]
    return ladder(
        "attention_weights",
        design,
        {name: np.concatenate([streams[name] for streams in inputs]) for name in inputs[0]},
        {"weights": np.concatenate(weights), "sums": np.concatenate(sums)},
        rtl,
    )


def anything(random, shape):
    return random.integers(-32768, 32768, shape)


def near(random, shape):
    """Within the nine octaves that have a weight."""
    return random.integers(-1200, 1, shape) + random.integers(-31000, 32768, (*shape[:2], 1))


def equal(random, shape):
    return np.broadcast_to(random.choice([-32768, -1, 0, 32767], (*shape[:2], 1)), shape)


def extremes(random, shape):
    """Distances of the whole range, also with the maximum in a late word."""
    return random.choice([-32768, -32767, 32767], shape, p=[0.6, 0.3, 0.1])


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("draw", [anything, near, equal, extremes])
def test_values(nano, ladder, draw, group):
    random = np.random.default_rng(8)
    climb(ladder, nano, (draw(random, (2, 5, 23)).astype(np.int16), group), rtl=group == 2)


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("keys", [1, 3, 4, 5, 8, 136])
@pytest.mark.parametrize("queries", [1, 2, 3])
def test_shapes(nano, ladder, queries, keys, group):
    random = np.random.default_rng(keys)
    climb(ladder, nano, (near(random, (1, queries, keys)).astype(np.int16), group))


def test_lanes_without_a_key_do_not_count(nano, ladder):
    """They hold the largest logit there is; still they neither win nor weigh."""
    logits = np.full((1, 3, 6), -32768, np.int16)
    logits[0, 1] = np.arange(-700, -100, 100)
    given = streams.weights_inputs(nano, logits)
    given["logits"]["lane"][1::2, 2:] = 32767
    found = attention_weights(logits)
    weights = split(found[0], np.dtype([("lane", np.uint8, nano.lanes)]))["lane"]
    sums = found[0].sum(axis=1)
    ladder("attention_weights", nano, given, {"weights": weights, "sums": sums}, rtl=True)


def test_a_sequence_of_commands(nano, ladder):
    """Heads of several sizes in a row; a row's state never reaches the next."""
    random = np.random.default_rng(9)
    sizes = [((1, 1, 1), 1), ((3, 4, 9), 2), ((1, 3, 4), 2), ((2, 1, 17), 1), ((1, 5, 5), 1)]
    calls = [(near(random, size).astype(np.int16), group) for size, group in sizes]
    climb(ladder, nano, *calls, rtl=True)


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize("keys", [3, 12, 136])
def test_a_word_per_cycle(nano, ladder, keys, group):
    random = np.random.default_rng(27)
    logits = near(random, (1, 8, keys)).astype(np.int16)
    found = climb(ladder, nano, (logits, group), rtl=True)
    assert found["weights"].interval == 1


def test_as_many_tokens_as_fit(nano, zcu104, ladder):
    random = np.random.default_rng(10)
    climb(ladder, nano, (near(random, (1, 136, 136)).astype(np.int16), 2))
    largest = equal(random, (1, 6, zcu104.max_tokens)).astype(np.int16)
    several = near(random, (1, 9, zcu104.max_tokens)).astype(np.int16)
    climb(ladder, zcu104, (largest, 4), (several, 4), (several[:, :3], 3))


def test_network(nano, ladder, golden):
    for call in golden("attention_weights"):
        climb(ladder, nano, (call.inputs["logits"], 2))
