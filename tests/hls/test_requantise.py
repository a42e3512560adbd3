"""Requantisation against `model.fixed.requantise`: ties, ends, saturation, every shift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3vit.model.fixed import ACCUMULATOR_BITS, Requantisation, requantise, shift_range
from m3vit.sim.csim import kernels
from m3vit.sim.rtl.stalls import RANDOM
from m3vit.sim.streams import matmul
from m3vit.sim.streams.words import arrival, split

LIMIT = (1 << ACCUMULATOR_BITS) - 1
SHIFTS = range(*np.add(shift_range(ACCUMULATOR_BITS), (0, 1)))


def expected(design, commands, sums, parameters):
    """The reference's codes, clamped to 18 bits where it leaves them alone."""
    results, row, word = [], 0, 0
    for words, rows, zero_point, bits in commands:
        for _ in range(words):
            rule = Requantisation(
                *(parameters[name][word] for name in ("bias", "multiplier", "shift")),
                zero_point=zero_point,
                bits=bits if bits < 18 else 32,
            )
            codes = requantise(sums[row : row + rows], rule)
            results.append(np.clip(codes, -(1 << 17), (1 << 17) - 1))
            row, word = row + rows, word + 1
    return np.concatenate(results)


def stimulus(design, commands, draw):
    """Streams for a list of (words, rows, zero_point, bits), and the results.

    `draw(random, rows, multiplier, shift)` gives biased sums of one word of parameters.
    """
    random = np.random.default_rng(2)
    lanes = design.lanes
    words = sum(command[0] for command in commands)
    parameters = {
        "bias": random.integers(-(1 << 25), 1 << 25, (words, lanes)),
        "multiplier": random.integers(1 << 14, 1 << 15, (words, lanes)),
        "shift": random.integers(SHIFTS[0], SHIFTS[-1] + 1, (words, lanes)),
    }
    rows = [rows for words, rows, *_ in commands for _ in range(words)]
    sums = np.concatenate(
        [
            draw(random, (count, lanes), parameters["multiplier"][word], parameters["shift"][word])
            - parameters["bias"][word]
            for word, count in enumerate(rows)
        ]
    )
    fields = dict(zip(("words", "rows", "zero_point", "bits"), np.array(commands).T, strict=True))
    results = expected(design, commands, sums, parameters)
    items = {"lane": np.zeros((words, lanes), PARAMETER)}
    for name, values in parameters.items():
        items["lane"][name] = values
    return {"commands": fields, "sums": sums, "parameters": items}, {"results": results}


PARAMETER = np.dtype([("bias", np.int32), ("multiplier", np.uint16), ("shift", np.uint8)])


def anything(random, shape, multiplier, shift):
    return random.integers(-LIMIT, LIMIT + 1, shape)


def extremes(random, shape, multiplier, shift):
    return random.choice([-LIMIT, -1, 0, 1, LIMIT], shape)


def near_ties(random, shape, multiplier, shift):
    """Products that lie around an odd multiple of half a code."""
    halves = 2 * random.integers(-300, 300, shape) + 1
    biased = (halves << (shift - 1)) // multiplier + random.integers(-1, 3, shape)
    return np.clip(biased, -LIMIT, LIMIT)


def small_results(random, shape, multiplier, shift):
    """Codes around those at which 8 and 16 bits saturate."""
    codes = random.choice([-32769, -32768, -129, -128, 0, 127, 128, 32767, 32768], shape)
    return np.clip((codes << shift) // multiplier, -LIMIT, LIMIT)


@pytest.mark.parametrize("bits", [8, 16, 18])
@pytest.mark.parametrize("draw", [anything, extremes, near_ties, small_results])
def test_values(nano, ladder, bits, draw):
    zero_point = {8: -77, 16: 0, 18: 0}[bits]
    ladder("requantise", nano, *stimulus(nano, [(40, 6, zero_point, bits)], draw))


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_zero_points_at_their_ends(nano, ladder, zero_point):
    ladder("requantise", nano, *stimulus(nano, [(20, 5, zero_point, 8)], small_results))


@given(
    biased=st.lists(st.integers(-LIMIT, LIMIT), min_size=1, max_size=20),
    bias=st.integers(-LIMIT, LIMIT),
    multiplier=st.integers(1 << 14, (1 << 15) - 1),
    shift=st.integers(SHIFTS[0], SHIFTS[-1]),
    zero_point=st.integers(-128, 127),
)
def test_any_channel(nano, biased, bias, multiplier, shift, zero_point):
    sums = np.array(biased)[:, None] - bias
    rule = [np.array([number]) for number in (bias, multiplier, shift)]
    inputs = matmul.requantise_inputs(nano, sums, *rule, zero_point, 8)
    found = matmul.requantise_outputs(kernels.run("requantise", nano, inputs), len(sums), 1)
    wanted = requantise(sums, Requantisation(*rule, zero_point=zero_point, bits=8))
    np.testing.assert_array_equal(found, wanted)


def test_exact_ties_round_up(nano, ladder):
    """2.5 -> 3 and -2.5 -> -2: multiplier 2^14 and shift 16 divide by four."""
    sums = np.array([[10, -10, 6, -6], [2, -2, 9, -9]])
    parameters = {"lane": np.array([[(0, 1 << 14, 16)] * nano.lanes], PARAMETER)}
    commands = {"words": [1], "rows": [2], "zero_point": [0], "bits": [8]}
    ladder(
        "requantise",
        nano,
        {"commands": commands, "sums": sums, "parameters": parameters},
        {"results": [[3, -2, 2, -1], [1, 0, 2, -2]]},
    )


def test_commands_of_every_length(nano, ladder):
    commands = [
        (words, rows, 3 * rows, bits)
        for rows in (1, 2, 5)
        for words in (1, 2, 3)
        for bits in (8, 16, 18)
    ]
    found = ladder("requantise", nano, *stimulus(nano, commands, near_ties), rtl=True)
    assert found["results"].interval == 1


def test_network(nano, ladder, golden):
    """Three tokens of every matmul."""
    for call in golden("linear"):
        parameters = call.parameters
        sums = call.inputs["codes"][:3].astype(np.int32) @ parameters.weight.T.astype(np.int32)
        numbers = (parameters.bias, parameters.multiplier, parameters.shift)
        rest = (parameters.zero_point, parameters.bits)
        inputs = matmul.requantise_inputs(nano, sums, *numbers, *rest)
        results = np.clip(requantise(sums, parameters.rule), -(1 << 17), (1 << 17) - 1)
        words = split(results, np.dtype([("lane", np.int32, nano.lanes)]))
        order = arrival(3, len(words) // 3, 3)
        ladder("requantise", nano, inputs, {"results": words["lane"][order]}, RANDOM[:1])


def test_large_design(zcu104, ladder):
    commands = [(3, 4, 5, 8), (1, 1, 0, 18), (2, 9, 0, 16)]
    ladder("requantise", zcu104, *stimulus(zcu104, commands, near_ties))
