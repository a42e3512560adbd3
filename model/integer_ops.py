"""The operations of the integer network, one short function each, on NumPy arrays of codes.

Every later rung (C++ kernels, RTL, board) equals these bit for bit; `docs/numerics.md` is their
text. Axis letters as in `model.config`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .fixed import (
    CONTEXT_FRACTION_BITS,
    EXPONENTIAL_WEIGHTS,
    NORMALISED_FRACTION_BITS,
    RECIPROCAL_BITS,
    SCORE_FRACTION_BITS,
    Codes,
    exact_float,
    gate_weight,
    reciprocal,
    reciprocal_square_root,
    requantise,
    saturate,
)
from .parameters import Affine, Embeddings, Gate, Heads, LayerNorm, Linear, Mlp


@dataclass(frozen=True)
class Routing:
    """Where the tokens of one MoE layer go.

    Attributes:
        logits: (T, E') int16 gate logits of the task's experts, log2 units, 10 fraction bits.
        experts: (T, K) indices among all E, best first.
        scores: (T, K) int32 in 0..32768, which is one.
    """

    logits: NDArray[np.int16]
    experts: NDArray[np.int64]
    scores: NDArray[np.int32]


def cut_patches(pixels: NDArray[np.uint8], patch: int) -> NDArray[np.int8]:
    """(H, W, channels) image -> (N, channels x patch x patch) codes, pixel - 128.

    Patches run row-major over the image; inside a patch the order is channel, row, column.
    """
    height, width, channels = pixels.shape
    codes = (pixels ^ np.uint8(128)).view(np.int8)  # the same bits as pixel - 128
    blocks = codes.reshape(height // patch, patch, width // patch, patch, channels)
    return blocks.transpose(0, 2, 4, 1, 3).reshape(-1, channels * patch * patch)


def linear(inputs: Codes, parameters: Linear) -> Codes:
    """(T, K) int8 codes times int8 weights, requantised: (T, N)."""
    matrix = parameters.matrix
    return requantise(inputs.astype(matrix.dtype) @ matrix, parameters.rule)


def embed(pixels: NDArray[np.uint8], parameters: Embeddings, patch: int) -> NDArray[np.int16]:
    """(H, W, channels) image -> (T, D) int16 residual stream, the class token first."""
    patches = linear(cut_patches(pixels, patch), parameters.projection)
    tokens = saturate(patches + parameters.positions, 16)
    return np.concatenate((parameters.cls_row[None], tokens))


def normalise(codes: Codes, epsilon: int) -> NDArray[np.float64]:
    """(T, D) int16 codes -> (x - mean) / sqrt(variance + epsilon), 12 fraction bits, 18 bits wide.

    With S = sum x and Q = sum x^2, both exact, the variance is (D Q - S^2) / D^2 and
    n = ((D x - S) root + half) >> (20 + half_shift). Every quantity is an integer held in
    float64: D Q <= 2^52, |D x - S| < 2^27, and times the 17-bit root < 2^44.
    """
    width = codes.shape[1]
    values = codes.astype(np.float64)
    total = values.sum(axis=1)
    squares = np.einsum("td,td->t", values, values)
    variance = (width * squares).astype(np.int64) - total.astype(np.int64) ** 2
    root, half_shift = reciprocal_square_root(variance + epsilon)
    shift = 32 - NORMALISED_FRACTION_BITS + half_shift
    factor = np.ldexp(root.astype(np.float64), -shift.astype(np.int32))
    values *= width
    values -= total[:, None]
    values *= factor[:, None]
    values += 0.5
    return np.floor(values, out=values)


def scale_and_shift(normalised: NDArray[np.float64], parameters: Affine) -> Codes:
    """(T, D) normalised values -> int8 or int16 codes: sat((n gain + bias + half) >> shift).

    |n gain| < 2^33 and |bias| < 2^31, hence exact in float64.
    """
    step = 2.0**-parameters.shift
    codes = normalised * (parameters.gain * step)
    codes += parameters.bias * step + 0.5
    return saturate(np.floor(codes, out=codes).astype(np.int32), parameters.bits)


def layer_norm(codes: Codes, parameters: LayerNorm) -> tuple[Codes, Codes | None]:
    """(T, D) int16 codes -> int8 codes for matmuls, and int16 codes for a gate or None."""
    normalised = normalise(codes, parameters.epsilon)
    gate = None if parameters.gate is None else scale_and_shift(normalised, parameters.gate)
    return scale_and_shift(normalised, parameters.output), gate


def split_heads(codes: Codes, heads: int) -> Codes:
    """(T, 3 D) queries, keys and values -> (3, H, T, D / H)."""
    tokens, width = codes.shape
    return codes.reshape(tokens, 3, heads, width // (3 * heads)).transpose(1, 2, 0, 3)


def attention_logits(query: Codes, key: Codes, parameters: Heads) -> Codes:
    """(H, T, d) int8 queries and keys -> (H, T, T) int16 logits in log2 units."""
    exact = exact_float(query.shape[2] << 14)
    sums = query.astype(exact) @ key.astype(exact).transpose(0, 2, 1)
    return requantise(sums, parameters.rule)


def attention_weights(logits: Codes) -> NDArray[np.uint8]:
    """(H, T, T) logits -> unnormalised weights, 255 at each row's maximum.

    `fixed.EXPONENTIAL_WEIGHTS` is `fixed.exponential_weight` of every distance that matters.
    """
    distance = logits.max(axis=2, keepdims=True).astype(np.int32) - logits
    return EXPONENTIAL_WEIGHTS.take(distance, mode="clip")


def attention_context(
    weights: NDArray[np.uint8], value: Codes, parameters: Heads
) -> NDArray[np.int8]:
    """(H, T, T) weights and (H, T, d) int8 values -> (T, D) int8 context.

    The row sum is divided out once per row, behind the product: a row's sums (27 bits) times
    the 16-bit mantissa of 1 / sum, rounded to codes of V with 10 fraction bits (18 bits).
    """
    heads, tokens, width = value.shape
    exact = exact_float(tokens * 255 * 128)
    sums = weights.astype(exact) @ value.astype(exact)
    mantissa, length = reciprocal(weights.sum(axis=2, dtype=np.int64))
    shift = RECIPROCAL_BITS - CONTEXT_FRACTION_BITS + length
    factor = np.ldexp(mantissa.astype(np.float64), -shift.astype(np.int32))
    normalised = np.floor(sums * factor[:, :, None] + 0.5)
    context = requantise(normalised, parameters.rule)
    return context.transpose(1, 0, 2).reshape(tokens, heads * width)


def activate(hidden: Codes, table: NDArray[np.int8]) -> NDArray[np.int8]:
    """The activation function of int8 codes: entry code + 128 of a (256,) table."""
    return table.take(hidden.view(np.uint8) ^ np.uint8(128))


def add_residual(residual: Codes, branch: NDArray[np.int32]) -> NDArray[np.int16]:
    """(T, D) int16 + wide branch, saturated once.

    Saturating the branch to 18 bits beforehand would change nothing.
    """
    return saturate(residual + branch, 16)


def route(
    inputs: Codes,
    parameters: Gate,
    task: int,
    gate: int,
    expert_range: Sequence[int],
    top_k: int,
    normalise_kept: bool,
    prune_threshold: int,
) -> Routing:
    """Choose the K best experts of every token, and their scores.

    The K largest logits win, the lower expert index on a tie. Scores are a softmax over all
    experts of the range, or over the kept ones if `normalise_kept`; scores at or below
    `prune_threshold` then become zero.

    Args:
        inputs: (T, D) int16 codes.
        task: position among the tasks; picks the bias.
        gate: which of the G gates.
        expert_range: half-open [first, last).
    """
    first, last = expert_range
    sums = inputs.astype(np.float64) @ parameters.matrix[gate, :, first:last]
    logits = requantise(sums, parameters.rule(gate, task, first, last))
    return choose_experts(logits, first, top_k, normalise_kept, prune_threshold)


def choose_experts(
    logits: Codes, first: int, top_k: int, normalise_kept: bool, prune_threshold: int
) -> Routing:
    """`route` behind its matmul: (T, E') int16 logits, of the experts from `first` on."""
    kept = np.argsort(-logits.astype(np.int32), axis=1, kind="stable")[:, :top_k]
    distance = logits.max(axis=1, keepdims=True).astype(np.int64) - logits
    weights = gate_weight(distance)
    chosen = np.take_along_axis(weights, kept, axis=1)
    mantissa, length = reciprocal((chosen if normalise_kept else weights).sum(axis=1))
    shift = (length + RECIPROCAL_BITS - SCORE_FRACTION_BITS)[:, None]
    scores = (chosen * mantissa[:, None] + (np.int64(1) << (shift - 1))) >> shift
    scores[scores <= prune_threshold] = 0
    return Routing(logits, kept + first, scores.astype(np.int32))


def run_mlp(inputs: Codes, mlp: Mlp) -> Codes:
    """(T, D) int8 -> (T, D) in residual codes."""
    return linear(activate(linear(inputs, mlp.up), mlp.table), mlp.down)


def run_experts(
    inputs: NDArray[np.int8], routing: Routing, experts: Sequence[Mlp], order: Iterable[int]
) -> NDArray[np.int32]:
    """(T, D) int8 codes -> (T, D) sum of score x expert output, in residual codes.

    Each contribution, (y score + 2^14) >> 15 with y int16, is rounded on its own and the sum is
    kept wide, so `order`, in which the experts run, does not matter. Experts without tokens are
    not touched.
    """
    total = np.zeros(inputs.shape, np.int32)
    for expert in order:
        tokens, ranks = np.nonzero(routing.experts == expert)
        if tokens.size:
            outputs = run_mlp(inputs[tokens], experts[expert]).astype(np.int32)
            outputs *= routing.scores[tokens, ranks, None]
            outputs += 1 << (SCORE_FRACTION_BITS - 1)
            total[tokens] += outputs >> SCORE_FRACTION_BITS
    return total
