"""Kernels that faults are planted in, with stimuli that reach their ends and ties.

What is expected comes from the C simulation, which the tests of the kernels compare with the
reference.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.kernels import compile_kernel
from m3vit.model.fixed import Codes
from m3vit.model.integer_ops import Routing
from m3vit.model.parameters import Affine, LayerNorm
from m3vit.sim.csim import kernels
from m3vit.sim.rtl.exchange import Stimulus
from m3vit.sim.rtl.harness import Target
from m3vit.sim.rtl.packing import pack
from m3vit.sim.rtl.stalls import NONE, RANDOM, adversarial
from m3vit.sim.streams import attention, elementwise, experts, layer_norm, matmul

from .mutation import Subject

CALLS = 24
"""Short calls with different settings: what one call leaves behind must not reach the next."""

Streams = dict[str, NDArray[Any]]
_Random = np.random.Generator


def subject(kernel: str, design: DesignConfig, directory: Path) -> Subject:
    """A kernel of `KERNELS`; its SystemVerilog is written to `directory`."""
    random = np.random.default_rng(1)
    given = _joined([KERNELS[kernel](random, design, call) for call in range(CALLS)])
    compiled = compile_kernel(kernel, design)
    target = Target.of(compiled, directory)
    expected = {
        name: pack(items, target.outputs[name])
        for name, items in kernels.run(kernel, design, given).items()
    }
    stimulus = Stimulus(
        inputs={name: pack(items, target.inputs[name]) for name, items in given.items()},
        expected={name: len(words) for name, words in expected.items()},
    )
    generated = tuple(directory / f"{name}.sv" for name in compiled.modules)
    patterns = (NONE, RANDOM[0], RANDOM[1], *adversarial(given))
    return Subject(target, generated, stimulus, expected, patterns)


def _joined(calls: Sequence[Mapping[str, NDArray[Any]]]) -> Streams:
    """The calls one after the other; NumPy alone would drop the padding inside the items."""
    return {
        name: np.concatenate([call[name] for call in calls]).astype(first.dtype)
        for name, first in calls[0].items()
    }


def _ends(random: _Random, bits: int, shape: tuple[int, ...]) -> Codes:
    """Signed numbers of so many bits, every third one at or next to an end, or around zero."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    anything = random.integers(low, high + 1, shape)
    special = random.choice([low, low + 1, -1, 0, 1, high - 1, high], shape)
    return np.where(random.random(shape) < 1 / 3, special, anything)


# One call each -----------------------------------------------------------------------------------


def _add_residual(random: _Random, design: DesignConfig, call: int) -> Streams:
    shape = (10, design.lanes)
    residual, branch = _ends(random, 16, shape), _ends(random, 18, shape)
    at_ends = random.choice([-32769, -32768, -32767, 32766, 32767, 32768], shape) - residual
    return elementwise.add_inputs(design, residual, at_ends if call % 2 else branch)


def _activation(random: _Random, design: DesignConfig, call: int) -> Streams:
    codes = random.permutation(np.arange(-128, 128)).astype(np.int8).reshape(-1, design.lanes)
    rows = (1, 2, 3, len(codes))[call % 4]
    table = _ends(random, 8, (256,)).astype(np.int8)
    return elementwise.activation_inputs(design, codes[:rows], table)


def _requantise(random: _Random, design: DesignConfig, call: int) -> Streams:
    channels, rows = design.lanes * (1 + call % 3), 1 + call % 4
    bits, zero_point = ((8, 0), (16, 0), (8, -7), (32, 0), (8, 127))[call % 5]
    multiplier = random.integers(1 << 14, 1 << 15, channels)
    shift = random.integers(14, 34, channels)
    shape = (rows, channels)
    halves = 2 * random.integers(-300, 300, shape) + 1
    ties = (halves << (shift - 1)) // multiplier + random.integers(-1, 3, shape)
    sums = np.where(random.random(shape) < 0.5, ties, _ends(random, 27, shape))
    limit = (1 << 26) - 1
    bias = random.integers(-(1 << 25), 1 << 25, channels)
    sums = np.clip(sums, -limit, limit) - bias
    return matmul.requantise_inputs(design, sums, bias, multiplier, shift, zero_point, bits)


def _layer_norm(random: _Random, design: DesignConfig, call: int) -> Streams:
    """Two commands; the second keeps the gains and biases of the first."""
    words = (1, 2, 3, 4, design.max_width // design.lanes)[call % 5]
    width, tokens = design.lanes * words, (1, 2, 3, 450 // words)[call % 4]
    wide = _affine(random, width, 16)
    output, gate = (
        (_affine(random, width, 8), wide),
        (wide, None),  # behind the last block
        (_affine(random, width, 8), None),
    )[call % 3]
    rows = _ends(random, 16, (tokens, width)) >> random.integers(0, 12, (tokens, 1))
    rows[-1] = random.integers(-9, 9) + (np.arange(width) < call % 2)  # hardly any spread, or none
    # Of the first row the root of a power of four is taken, where the scale changes, or of one less
    reach = max(1, min(32767, 2**call // width))
    rows[0] = random.integers(-reach, reach + 1, width)
    spread = width * int((rows[0] ** 2).sum()) - int(rows[0].sum()) ** 2
    epsilon = max(2, 4 ** (1 + call) - spread)
    return _joined(
        [
            layer_norm.inputs(
                design,
                rows.astype(np.int16),
                LayerNorm(epsilon - int(kept), output, gate),
                load=not kept,
            )
            for kept in (False, True)
        ]
    )


def _affine(random: _Random, width: int, bits: int) -> Affine:
    """Gains and biases whose codes saturate at both ends at times."""
    shift = int(random.choice([1, 8, *range(13, 21), 30]))
    reach = min(32767, 1 << max(0, bits + shift - 13))
    gain = random.integers(-reach, reach + 1, width).astype(np.int16)
    bound = min((1 << 31) - 1, 1 << (bits + shift - 1))
    return Affine(gain, random.integers(-bound, bound, width).astype(np.int32), shift, bits)


def _attention_weights(random: _Random, design: DesignConfig, call: int) -> Streams:
    heads, queries = 1 + call % 2, (1, 2, 3, 24, 7)[call % 5]
    keys = 1 + call % (4 * design.lanes)
    words = -(-keys // design.lanes)
    scale = (100, 500, 2000, 9000)[call % 4]
    logits = random.normal(0, scale, (heads, queries, words * design.lanes))
    logits[0, 0, :keys] = (-32768, -1, 32767)[call % 3]  # all equal
    logits[:, :, keys:] = random.choice([-32768, 32767])  # what has no key does not count
    streams = attention.weights_inputs(
        design, np.clip(logits, -32768, 32767).astype(np.int16), group=1 + call // 2 % 2
    )
    streams["commands"]["keys"] = keys
    return streams


def _route(random: _Random, design: DesignConfig, call: int) -> Streams:
    count, most = design.max_experts, design.max_experts_per_token
    first, last = 0, count
    if call % 4 == 0:  # anybody
        kept = 1 + call // 4 % most
        chosen = np.array([random.permutation(count)[:kept] for _ in range(1 + 3 * call)])
    elif call % 4 == 1:  # one queue, at a page's end
        first = int(random.integers(count))
        last = first + 1
        chosen = np.full(((1, 15, 16, 17, 32, 33)[call // 4], 1), first)
    elif call % 4 == 2:  # some queues, of which some are empty
        first, last = 3, count - 2
        chosen = first + np.array([random.permutation(last - first)[:2] for _ in range(call)])
    else:  # all pages of the memory, every queue ends with a page of one visit
        lengths = np.full(count, 33)
        lengths[call // 4] = design.max_tokens * most - 33 * (count - 1)
        chosen = np.repeat(np.arange(count), lengths).reshape(most, -1).T
    order = random.integers(first, last, random.integers(0, 5)) if call % 3 else None
    scores = random.choice([0, 1, 9, 16384, 32767, 32768], chosen.shape)
    logits = np.zeros((len(chosen), count), np.int16)  # the kernel does not see them
    routing = Routing(logits, chosen, scores.astype(np.int32))
    return experts.route_inputs(design, routing, (first, last), order)


KERNELS: Mapping[str, Callable[[_Random, DesignConfig, int], Streams]] = {
    "activation": _activation,
    "add_residual": _add_residual,
    "attention_weights": _attention_weights,
    "layer_norm": _layer_norm,
    "requantise": _requantise,
    "route": _route,
}
"""Kernel -> streams of one of its `CALLS` calls."""
