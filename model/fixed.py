"""Fixed-point arithmetic of the integer network: saturation, requantisation, roots, tables.

The text of these rules, with every width, is `docs/numerics.md`. Integers travel through
float64 where that is faster; each place says why no bit can be lost.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError

Codes = NDArray[np.signedinteger[Any]]
"""An array of integer codes; the docstring that uses it says which width."""

MULTIPLIER_BITS = 15
"""Requantisation multipliers lie in [2^14, 2^15)."""

ACCUMULATOR_BITS = 26
"""|sum of products + bias| < 2^26 for every matmul of int8 codes, checked when compiling."""

GATE_ACCUMULATOR_BITS = 34
"""The same for the gate, whose activations are int16: 2048 x 2^15 x 127 < 2^33, and a bias."""

LOGIT_FRACTION_BITS = 7
"""Attention logits are in units of log2, 7 bits behind the point."""

GATE_FRACTION_BITS = 10
"""Gate logits are in units of log2, 10 bits behind the point."""

SCORE_FRACTION_BITS = 15
"""Gate scores: 32768 is one."""

NORMALISED_FRACTION_BITS = 12
"""The normalised value inside a LayerNorm."""

CONTEXT_FRACTION_BITS = 10
"""The normalised A.V sum, in codes of V."""

MAX_TOKENS = 2048
"""255 x 128 x tokens must stay below 2^26."""

MAX_WIDTH = 2048
"""LayerNorm: D x sum of squares <= 2^11 x 2^11 x 2^30 must stay below 2^53."""

RECIPROCAL_BITS = 15
_INTEGERS: dict[int, type[np.signedinteger[Any]]] = {8: np.int8, 16: np.int16, 32: np.int32}


def saturate(values: Codes, bits: int) -> Codes:
    """Clamp to `bits` (8, 16 or 32) bits, signed."""
    limit = 1 << (bits - 1)
    return np.clip(values, -limit, limit - 1).astype(_INTEGERS[bits])


def exact_float(bound: int) -> type[np.floating[Any]]:
    """The narrower float type in which integers of magnitude <= `bound` add up exactly.

    A sum of products is exact, in any order and with or without fused multiply-add, when no
    partial sum can exceed the bound; the sum of the magnitudes of all terms is such a bound.
    """
    if bound <= 1 << 24:
        return np.float32
    if bound > 1 << 53:
        raise ValueError(f"sums up to {bound} are exact in no float type")
    return np.float64


@dataclass(frozen=True)
class Requantisation:
    """Accumulators to codes: sat((((acc + bias) * multiplier + half) >> shift) + zero_point).

    `half` is 1 << (shift - 1) and the shift is arithmetic: round half up. N is the number of
    output channels (or heads, experts).

    Attributes:
        bias: (N,) integers.
        multiplier: (N,) in [2^14, 2^15).
        shift: (N,) in the range of `shift_range`, so that the shifted value fits int32.
        zero_point: of the output codes.
        bits: width of the output codes; 32 means that saturation is left to a later sum.
    """

    bias: Codes
    multiplier: Codes
    shift: NDArray[np.uint8]
    zero_point: int
    bits: int

    @cached_property
    def factor(self) -> NDArray[np.float64]:
        """(N,) multiplier x 2^-shift."""
        return np.ldexp(self.multiplier.astype(np.float64), -self.shift.astype(np.int32))

    @cached_property
    def offset(self) -> NDArray[np.float64]:
        """(N,) bias x factor + 1/2 + zero_point, all that is added to acc x factor."""
        return self.bias * self.factor + (0.5 + self.zero_point)


def shift_range(accumulator_bits: int) -> tuple[int, int]:
    """Smallest and largest shift for accumulators below 2^accumulator_bits.

    At the smallest, results stay below 2^30. At the largest, every product is below one half
    and the result is zero; a larger shift could not say anything else.
    """
    product_bits = accumulator_bits + MULTIPLIER_BITS
    return product_bits - 30, product_bits + 1


def split_ratio(
    ratio: NDArray[np.float64], accumulator_bits: int = ACCUMULATOR_BITS
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Write positive real ratios as multiplier x 2^-shift, nearest.

    Raises:
        UserError: a ratio above 2^(14 - smallest shift), which only absurd scales produce.
    """
    smallest, largest = shift_range(accumulator_bits)
    mantissa, exponent = np.frexp(ratio)
    multiplier = np.floor(mantissa * (1 << MULTIPLIER_BITS) + 0.5).astype(np.int64)
    shift = MULTIPLIER_BITS - exponent.astype(np.int64)
    carried = multiplier == 1 << MULTIPLIER_BITS
    multiplier, shift = np.where(carried, multiplier >> 1, multiplier), shift - carried
    if np.any(shift < smallest):
        raise UserError(
            f"a scale ratio of {float(np.max(ratio)):.3g} is too large to requantise: the model's "
            "weights or its calibration images are degenerate, check them"
        )
    multiplier = np.where(shift > largest, 1 << (MULTIPLIER_BITS - 1), multiplier)
    return multiplier.astype(np.int16), np.minimum(shift, largest).astype(np.uint8)


def requantise(accumulators: NDArray[Any], rule: Requantisation) -> Codes:
    """Apply `rule` to (..., N) accumulators, given as integers or as floats that hold integers.

    In float64 this is exact. With A accumulator bits, products are integers below 2^(A + 15)
    <= 2^49 and 2^-shift only moves the point; `offset` has the same grain, 2^-shift. Where A
    is 26, zero points are below 2^8 and shift <= 42 keeps such a sum within 50 bits; where A
    is 34, they are zero and shift <= 50 keeps one half within 50. Below 2^53, floor is exact.
    """
    values = np.multiply(accumulators, rule.factor, dtype=np.float64)
    values += rule.offset
    np.floor(values, out=values)
    codes = values.astype(np.int32)
    return codes if rule.bits == 32 else saturate(codes, rule.bits)


def bit_length(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bits needed for positive integers below 2^53 (exact in float64): 1 -> 1, 2 -> 2, 4 -> 3."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def reciprocal(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One over positive integers, as a 16-bit mantissa in [2^15, 2^16) and an exponent.

    Returns:
        mantissa floor((2^(n + 15) - 1) / value) and n = bit_length(value), so that
        1 / value is about mantissa x 2^-(n + 15), low by less than one part in 2^15. The -1
        keeps the mantissa of a power of two within 16 bits.
    """
    length = bit_length(values)
    one = np.int64(1)
    return ((one << (length + RECIPROCAL_BITS)) - 1) // values, length


def _root_table() -> NDArray[np.int64]:
    """2^31 / sqrt(u) at the middle of the intervals [i, i + 1) 2^23, i = 128..511; 16 bits."""
    return np.array([round(math.sqrt(2**40 / (2 * i + 1))) for i in range(128, 512)], np.int64)


ROOT_TABLE = _root_table()
"""(384,) start values of `reciprocal_square_root`."""


def reciprocal_square_root(
    values: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One over the square root of positive integers below 2^53, by table and one Newton step.

    Returns:
        root, 17 bits, in [2^16, 2^17), and half_shift in [-15, 11], so that 1 / sqrt(value) is
        about root x 2^-(32 + half_shift) with a relative error below 2^-15.
    """
    length = bit_length(values)
    shift = length + (length & 1) - 32  # even, and brings the value into [2^30, 2^32)
    scaled = np.where(shift >= 0, values >> np.maximum(shift, 0), values << np.maximum(-shift, 0))
    start = ROOT_TABLE[(scaled >> 23) - 128]
    product = (scaled * (start * start)) >> 32  # u y^2, about 2^30; 64-bit product before
    correction = 3 * (1 << 30) - product  # about 2^31
    root = (start * correction + (1 << 29)) >> 30  # y (3 - u y^2) / 2, one more bit than y
    return root, shift >> 1


def exponential_weight(distance: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Unnormalised softmax weight of a logit that lies `distance` >= 0 codes below the row maximum.

    (EXP2[d & 127] + (1 << (7 + i))) >> (8 + i) with i = min(d >> 7, 9): 255 at the maximum,
    zero from nine octaves below it.
    """
    fraction = distance & ((1 << LOGIT_FRACTION_BITS) - 1)
    octave = np.minimum(distance >> LOGIT_FRACTION_BITS, 9)
    return ((EXP2[fraction] + (1 << (7 + octave))) >> (8 + octave)).astype(np.uint8)


EXP2 = np.array([round(255 * 256 * 2 ** (-f / 128)) for f in range(128)], np.int64)
"""(128,) 16-bit powers of two for attention: 255 x 2^8 x 2^(-f / 128)."""

EXPONENTIAL_WEIGHTS = exponential_weight(np.arange(9 * 128 + 1, dtype=np.int64))
"""(1153,) uint8: `exponential_weight` of every distance up to the first that is surely zero."""

GATE_EXP2 = np.array([round(65535 * 2 ** (-f / 1024)) for f in range(1024)], np.int64)
"""(1024,) 16-bit powers of two for the gate: 65535 x 2^(-f / 1024)."""


def gate_weight(distance: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unnormalised gate weight, 16 bits, of a logit `distance` >= 0 codes below the maximum.

    (GATE_EXP2[d & 1023] + (1 << i >> 1)) >> i with i = min(d >> 10, 17).
    """
    octave = np.minimum(distance >> GATE_FRACTION_BITS, 17)
    fraction = GATE_EXP2[distance & ((1 << GATE_FRACTION_BITS) - 1)]
    return (fraction + ((np.int64(1) << octave) >> 1)) >> octave
