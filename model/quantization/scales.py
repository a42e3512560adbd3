"""From float weights and ranges to integer parameters: scales, zero points, multipliers, tables.

NumPy in float64; the torch side (`model.quantization.quantize`) only picks tensors and names.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3vit.errors import UserError
from m3vit.model.fixed import (
    ACCUMULATOR_BITS,
    GATE_ACCUMULATOR_BITS,
    GATE_FRACTION_BITS,
    NORMALISED_FRACTION_BITS,
    split_ratio,
)
from m3vit.model.parameters import Affine, Gate, LayerNorm, Linear

Floats = NDArray[np.float64]

HEADROOM = 1.25
"""int16 codes reach this far beyond the largest calibrated magnitude."""

BIAS_LIMIT = 1 << 24
"""A channel whose bias would exceed this many steps gets coarser weights instead."""


@dataclass(frozen=True)
class Scale:
    """real = step x (code - zero_point).

    Attributes:
        step: () or one per channel; positive.
        zero_point: code of zero.
    """

    step: Floats
    zero_point: int = 0


def asymmetric(low: ArrayLike, high: ArrayLike) -> Scale:
    """int8 scale whose 255 steps span [low, high] and zero."""
    bottom, top = min(float(np.min(low)), 0.0), max(float(np.max(high)), 0.0)
    step = (top - bottom) / 255 or 1.0
    return Scale(np.array(step), -128 - round(bottom / step))


def symmetric(magnitude: ArrayLike, bits: int, headroom: float = 1.0) -> Scale:
    """Scale without zero point; the largest code is `headroom` times the magnitude.

    What is always zero (a dead attention head) gets a step that no product can overflow.
    """
    step = np.asarray(magnitude, np.float64) * headroom / ((1 << (bits - 1)) - 1)
    return Scale(np.where(step > 0, step, 2.0**-10))


def to_codes(values: Floats, step: Floats, bits: int) -> NDArray[np.int64]:
    """Nearest symmetric codes, ties to even, saturated."""
    limit = 1 << (bits - 1)
    codes: NDArray[np.int64] = np.clip(np.rint(values / step), -limit, limit - 1).astype(np.int64)
    return codes


def linear(weight: Floats, bias: Floats, source: Scale, target: Scale, bits: int) -> Linear:
    """Quantise y = weight x + bias.

    Args:
        weight: (N, K). bias: (N,).
        source: of the int8 input, one step. target: of the output, step () or (N,).
        bits: of the output.

    Raises:
        UserError: sums could leave 26 bits.
    """
    steps = weight_steps(weight, bias / source.step, target.step / source.step)
    codes = np.clip(np.rint(weight / steps[:, None]), -127, 127)
    offset = np.rint(bias / (steps * source.step)) - source.zero_point * codes.sum(axis=1)
    multiplier, shift = split_ratio(
        np.broadcast_to(steps * source.step / target.step, steps.shape), ACCUMULATOR_BITS
    )
    return Linear(
        codes.astype(np.int8),
        np.clip(offset, -(1 << 30), 1 << 30).astype(np.int32),
        multiplier,
        shift,
        target.zero_point,
        bits,
    )


def weight_steps(weight: Floats, bias: Floats, otherwise: Floats) -> Floats:
    """(N,) steps of (N, K) int8 weights, coarser where the bias would otherwise be too large.

    Args:
        bias: (N,) in units of the input's step.
        otherwise: () or (N,) steps of channels that are zero altogether.
    """
    steps = np.maximum(np.abs(weight).max(axis=1) / 127, np.abs(bias) / BIAS_LIMIT)
    return np.where(steps > 0, steps, otherwise)


def affine(gain: Floats, bias: Floats, target: Scale, bits: int) -> Affine:
    """The last step of a LayerNorm, with the finest shift that its integers allow.

    Args:
        gain, bias: (D,) of the float LayerNorm.
    """
    gain, bias = gain / target.step, bias / target.step + target.zero_point
    for shift in range(30, 0, -1):
        gains = np.rint(gain * 2.0 ** (shift - NORMALISED_FRACTION_BITS))
        biases = np.rint(bias * 2.0**shift)
        if np.abs(gains).max() < 1 << 15 and np.abs(biases).max() < 1 << 31:
            return Affine(gains.astype(np.int16), biases.astype(np.int32), shift, bits)
    raise UserError(
        "the gain or bias of a LayerNorm is too large for its output's scale: the calibration "
        "images hardly excite this layer, use other images"
    )


def layer_norm(
    gain: Floats, bias: Floats, epsilon: float, source: Scale, target: Scale, bits: int = 8
) -> LayerNorm:
    """Quantise a LayerNorm over int16 codes of scale `source`."""
    code = round(epsilon * gain.size**2 / float(source.step) ** 2)
    return LayerNorm(max(1, code), affine(gain, bias, target, bits))


def activation_table(
    function: Callable[[Floats], Floats], source: Scale, target: Scale
) -> NDArray[np.int8]:
    """(256,) int8: the activation function of every int8 code, indexed by code + 128."""
    inputs = source.step * (np.arange(-128, 128) - source.zero_point)
    codes = np.rint(function(inputs) / target.step) + target.zero_point
    return np.clip(codes, -128, 127).astype(np.int8)


def useful_low(
    function: Callable[[Floats], Floats], low: float, high: float, target: Scale
) -> float:
    """Raise the lower end of a pre-activation range as far as the output cannot tell.

    Below the returned value the function stays within a quarter of an output step of its value
    there, so codes spent on that part (GELU: everything below about -3) would be wasted.
    """
    samples = np.linspace(low, min(high, 0.0), 1025)
    values = function(samples)
    lowest, highest = np.minimum.accumulate(values), np.maximum.accumulate(values)
    spread = np.maximum(highest - values, values - lowest)
    return float(samples[np.flatnonzero(spread <= float(target.step) / 4).max(initial=0)])


def gate(weight: Floats, bias: Floats, source: Scale) -> Gate:
    """Quantise the gates of a layer.

    Args:
        weight: (G, E, D). bias: (tasks, E), in nats.
        source: of the int16 input.
    """
    units = source.step * (np.log2(np.e) * (1 << GATE_FRACTION_BITS))
    steps = np.abs(weight).max(axis=2) / 127
    steps = np.where(steps > 0, steps, 2.0**-10 / units)
    codes = np.rint(weight / steps[:, :, None]).astype(np.int8)
    ratio = steps * units
    multiplier, shift = split_ratio(ratio, GATE_ACCUMULATOR_BITS)
    # A task without a gate of its own uses the only one there is.
    per_task = np.broadcast_to(steps, bias.shape) if len(steps) == 1 else steps
    offset = np.rint(bias / (per_task * source.step))
    limit = 1 << (GATE_ACCUMULATOR_BITS - 2)
    return Gate(codes, np.clip(offset, -limit, limit).astype(np.int64), multiplier, shift)
