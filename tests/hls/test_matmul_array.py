"""The matmul array against NumPy's integer product, on every rung."""

import itertools

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.hls.resources.synthesis import estimate
from m3vit.sim.csim import kernels
from m3vit.sim.rtl.stalls import NONE, RANDOM
from m3vit.sim.streams import matmul

ACTIVATIONS = {
    "zeros": (0, 0),
    "codes": (-128, 127),
    "attention weights": (0, 255),
    "both": (-128, 255),
    "smallest": (-128, -128),
    "largest": (255, 255),
}
WEIGHTS = {"codes": (-128, 127), "smallest": (-128, -128), "largest": (127, 127)}


def stimulus(design, commands, activations, weights, seed=0):
    """Streams for a list of (sums, beats), and the sums."""
    random = np.random.default_rng(seed)
    beats = sum(sums * count for sums, count in commands)
    tokens, inputs, outputs = design.array_tokens, design.array_inputs, design.array_outputs

    def draw(limits, rows):
        low, high = limits
        values = random.integers(low, high + 1, (beats, rows, inputs))
        corners = random.random(values.shape) < 0.2
        values[corners] = random.choice(limits, values.shape)[corners]
        return values

    x, w = draw(activations, tokens), draw(weights, outputs)
    products = np.einsum("bti,boi->bto", x, w)
    starts = np.concatenate([[0], np.cumsum(lengths(commands))[:-1]])
    counts, sizes = np.array(commands).T
    inputs = {
        "commands": {"sums": counts, "beats": sizes},
        "activations": x,
        "weights": w,
    }
    return inputs, {"sums": np.add.reduceat(products, starts)}


def lengths(commands):
    """Beats of every sum."""
    return [beats for sums, beats in commands for _ in range(sums)]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("activations", ACTIVATIONS)
def test_ranges(nano, ladder, activations, weights):
    commands = [(3, 4), (1, 1), (2, 1), (1, 9)]
    ladder(
        "matmul_array",
        nano,
        *stimulus(nano, commands, ACTIVATIONS[activations], WEIGHTS[weights]),
    )


def test_every_corner_of_a_group(nano, ladder):
    """Four products of two tokens with all combinations of the ends of both ranges."""
    pairs = np.array(list(itertools.product((-128, 255), repeat=8))).reshape(-1, 2, 4)
    weights = np.array(list(itertools.product((-128, 127), repeat=4))).reshape(-1, 4, 4)
    x = np.tile(np.repeat(pairs, len(weights), axis=0), (1, 1, nano.array_inputs // 4))
    w = np.tile(np.tile(weights, (len(pairs), 1, 1)), (1, 1, nano.array_inputs // 4))
    inputs = {"commands": {"sums": [len(x)], "beats": [1]}, "activations": x, "weights": w}
    ladder("matmul_array", nano, inputs, {"sums": np.einsum("bti,boi->bto", x, w)})


def test_commands_of_every_length(nano, ladder):
    commands = [(sums, beats) for beats in range(1, 6) for sums in range(1, 6)]
    streams = stimulus(nano, commands, (-128, 255), (-128, 127))
    found = ladder("matmul_array", nano, *streams, rtl=True)
    assert found["activations"].interval == 1  # not a cycle lost, though commands are short


def test_longest_sum(nano, ladder):
    """All inputs of a token at its limits: 2,048 products of 255 x -128 stay below 2^26."""
    beats = 2048 // nano.array_inputs
    inputs, expected = stimulus(nano, [(2, beats)], (255, 255), (-128, -128))
    assert expected["sums"].min() == -2048 * 255 * 128 > -(1 << 26)
    ladder("matmul_array", nano, inputs, expected)


@pytest.mark.slow
def test_large_array(zcu104, ladder):
    commands = [(5, 3), (1, 1), (40, 2), (20, 6)]
    streams = stimulus(zcu104, commands, (-128, 255), (-128, 127))
    found = ladder("matmul_array", zcu104, *streams, rtl=[NONE, RANDOM[0]])
    assert found["activations"].interval == 1


def test_network(nano, ladder, golden):
    """Three tokens and some outputs of every matmul, through the panel."""
    for call in golden("linear"):
        codes, weights = call.inputs["codes"][:3], call.parameters.weight[:13]
        rows = matmul.panel_inputs(nano, codes, len(weights))
        tiles = kernels.run("panel", nano, rows)["tiles"]
        inputs = matmul.array_inputs(nano, tiles, weights)
        wanted = codes.astype(np.int32) @ weights.T.astype(np.int32)
        padded = np.zeros((4, 16), np.int32)
        padded[:3, :13] = wanted
        sums = padded.reshape(2, 2, 4, 4).swapaxes(1, 2).reshape(-1, 2, 4)
        ladder("matmul_array", nano, inputs, {"sums": sums}, RANDOM[:1])


@pytest.mark.parametrize("design", ["nano", pytest.param("zcu104", marks=pytest.mark.slow)])
def test_two_products_share_a_multiplier(request, design):
    design = request.getfixturevalue(design)
    products = design.array_tokens * design.array_inputs * design.array_outputs
    compiled = compile_kernel("matmul_array", design)
    assert estimate(compiled.texts(), compiled.top).total.dsp == products // 2
