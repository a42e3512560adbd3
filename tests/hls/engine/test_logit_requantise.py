"""Requantisation with one parameter for all channels."""

import numpy as np

from m3vit.model.fixed import ACCUMULATOR_BITS, Requantisation, requantise, shift_range
from m3vit.sim.csim import kernels
from m3vit.sim.streams.records import records


def test_blocks_of_logits(nano, ladder):
    """A command, and one word of parameters, for each."""
    random = np.random.default_rng(4)
    limit = (1 << ACCUMULATOR_BITS) - 1
    blocks = [(int(rows), *rule(random)) for rows in random.integers(1, 40, 30)]
    sums = [random.integers(-limit, limit + 1, (rows, nano.lanes)) for rows, *_ in blocks]
    parameters = [
        {"lane": [{"bias": 0, "multiplier": multiplier, "shift": shift}]}
        for _, multiplier, shift in blocks
    ]
    results = [
        requantise(block, Requantisation(*alike(nano, 0, *numbers), zero_point=0, bits=16))
        for block, (_, *numbers) in zip(sums, blocks, strict=True)
    ]
    commands = [{"words": 1, "rows": rows, "zero_point": 0, "bits": 16} for rows, *_ in blocks]
    types = kernels.stream_types("logit_requantise", nano)
    inputs = {
        "commands": records(commands, types["commands"].dtype),
        "sums": np.concatenate(sums),
        "parameters": records(parameters, types["parameters"].dtype),
    }
    found = ladder("logit_requantise", nano, inputs, {"results": np.concatenate(results)}, True)
    assert found["results"].interval == 1


def rule(random):
    """A multiplier and a shift."""
    low, high = shift_range(ACCUMULATOR_BITS)
    return int(random.integers(1 << 14, 1 << 15)), int(random.integers(low, high + 1))


def alike(design, *numbers):
    """Each number for every lane."""
    return [np.full(design.lanes, number) for number in numbers]
