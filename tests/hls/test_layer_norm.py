"""LayerNorm against `integer_ops.layer_norm`: both outputs, ends, ties, kept parameters."""

import numpy as np
import pytest

from m3vit.model.integer_ops import layer_norm
from m3vit.model.parameters import Affine, LayerNorm
from m3vit.sim.streams import layer_norm as streams
from m3vit.sim.streams.words import split

EPSILONS = (1, 12_345, (1 << 52) - 1)


def affine(random, width, bits, shift=None):
    """Gains and biases whose codes fill `bits` bits and saturate at times."""
    shift = int(random.integers(14, 22)) if shift is None else shift
    reach = 1 << (bits + shift - 13)
    return Affine(
        np.clip(random.normal(0, reach, width), -32768, 32767).astype(np.int16),
        random.integers(-(1 << (bits + shift - 2)), 1 << (bits + shift - 2), width, np.int32),
        shift,
        bits,
    )


def parameters(random, width, epsilon=1, kind="both"):
    if kind == "int16":
        return LayerNorm(epsilon, affine(random, width, 16, 14))
    gate = affine(random, width, 16, 14) if kind == "both" else None
    return LayerNorm(epsilon, affine(random, width, 8), gate)


def climb(ladder, design, *calls, rtl=False):
    """Each call: codes, parameters, and whether these are loaded or kept."""
    inputs = [streams.inputs(design, codes, norm, load) for codes, norm, load in calls]
    expected = {"codes": [], "wide": []}
    dtypes = {"codes": np.int8, "wide": np.int16}
    for codes, norm, _ in calls:
        output, gate = layer_norm(codes, norm)
        wide = output if norm.output.bits == 16 else gate
        for name, array in (("codes", output if norm.output.bits == 8 else None), ("wide", wide)):
            if array is not None:
                dtype = np.dtype([("lane", dtypes[name], design.lanes)])
                expected[name].append(split(array, dtype)["lane"])
    empty = np.zeros((0, design.lanes), np.int16)
    return ladder(
        "layer_norm",
        design,
        {name: np.concatenate([streams[name] for streams in inputs]) for name in inputs[0]},
        {name: np.concatenate([empty, *arrays]) for name, arrays in expected.items()},
        rtl,
    )


def anything(random, shape):
    return random.integers(-32768, 32768, shape)


def extremes(random, shape):
    return random.choice([-32768, 32767], shape)


def small(random, shape):
    """A variance of a few codes: the root is at its largest."""
    return random.integers(-2, 3, shape) + random.integers(-32000, 32000, (shape[0], 1))


def constant(random, shape):
    return np.broadcast_to(random.integers(-32768, 32768, (shape[0], 1)), shape)


def spike(random, shape):
    """One channel far from all others: the largest normalised value there is."""
    codes = np.full(shape, 32767)
    codes[np.arange(shape[0]), random.integers(0, shape[1], shape[0])] = -32768
    return codes


@pytest.mark.parametrize("kind", ["int8", "both", "int16"])
@pytest.mark.parametrize("draw", [anything, extremes, small, constant, spike])
def test_values(nano, ladder, draw, kind):
    random = np.random.default_rng(4)
    calls = []
    for epsilon in EPSILONS:
        codes = draw(random, (6, 48)).astype(np.int16)
        calls.append((codes, parameters(random, 48, epsilon, kind), True))
    climb(ladder, nano, *calls, rtl=kind == "both")


@pytest.mark.parametrize(
    ("tokens", "width"), [(1, 1), (1, 4), (3, 90), (136, 8), (2, 192), (1, 191)]
)
def test_shapes(nano, ladder, tokens, width):
    """One token and as many as fit; one word, the last word partly filled, the largest width."""
    random = np.random.default_rng(width)
    codes = anything(random, (tokens, width)).astype(np.int16)
    climb(ladder, nano, (codes, parameters(random, width), True))


def test_smallest_variances(nano, ladder):
    """Two channels one code apart: epsilon decides."""
    random = np.random.default_rng(23)
    codes = np.array([[0, 1], [1, 0], [5, 5], [-32768, -32767]], np.int16)
    calls = [(codes, parameters(random, 2, epsilon), True) for epsilon in range(1, 18)]
    climb(ladder, nano, *calls, rtl=True)


@pytest.mark.parametrize("shift", [1, 2, 29, 30])
def test_ties_round_up_and_ends_saturate(nano, ladder, shift):
    """Without gain the biases decide: odd multiples of one half, and what lies far outside."""
    halves = np.array(
        [-257, -256, -255, -3, -1, 1, 3, 253, 254, 255, 65533, 65535, -65537, 0, 5, -5]
    )
    limits = np.iinfo(np.int32)
    bias = np.clip(halves << (shift - 1), limits.min, limits.max).astype(np.int32)
    flat = np.zeros(16, np.int16)
    norm = LayerNorm(1, Affine(flat, bias, shift, 8), Affine(flat, bias, shift, 16))
    climb(ladder, nano, (np.ones((2, 16), np.int16), norm, True))


def test_largest_gains_and_biases(nano, ladder):
    random = np.random.default_rng(5)
    gain = random.choice([-32768, 32767], 192).astype(np.int16)
    bias = random.choice([-(1 << 31), (1 << 31) - 1], 192).astype(np.int32)
    norm = LayerNorm(1, Affine(gain, bias, 26, 8), Affine(gain, bias, 20, 16))
    climb(ladder, nano, (spike(random, (4, 192)).astype(np.int16), norm, True), rtl=True)


def test_parameters_stay_from_command_to_command(nano, ladder):
    """Block by block with the same parameters; kinds of output change in between."""
    random = np.random.default_rng(6)
    blocks = [anything(random, (rows, 64)).astype(np.int16) for rows in (4, 4, 1, 3)]
    both, final = parameters(random, 64), parameters(random, 64, 7, "int16")
    narrow = LayerNorm(99, both.output)
    climb(
        ladder,
        nano,
        (blocks[0], both, True),
        (blocks[1], narrow, False),
        (blocks[2], both, False),
        (blocks[3], final, True),
        (blocks[0], final, False),
        (blocks[1], narrow, False),
        rtl=True,
    )


@pytest.mark.parametrize("width", [4, 8, 192])
def test_a_word_per_cycle(nano, ladder, width):
    """However short the rows are: nothing between the passes takes longer."""
    random = np.random.default_rng(26)
    codes = anything(random, (768 // width, width)).astype(np.int16)
    found = climb(ladder, nano, (codes, parameters(random, width), True), rtl=True)
    assert found["codes"].interval == 1 and found["wide"].interval == 1


def test_large_design(zcu104, ladder):
    """As wide as the design allows."""
    random = np.random.default_rng(7)
    calls = []
    for draw in (anything, extremes, small, spike):
        codes = draw(random, (2, 768)).astype(np.int16)
        calls.append((codes, parameters(random, 768, 1 << 40), True))
    climb(ladder, zcu104, *calls)


def test_network(nano, ladder, golden):
    for call in golden("layer_norm"):
        climb(ladder, nano, (call.inputs["codes"], call.parameters, True))
