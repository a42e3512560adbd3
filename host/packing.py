"""Parameters of the network as the bytes that the engine reads: docs/isa.md, "Memory formats".

Padding computes zeros: channels that the hardware has and the network has not get weights and
gains of zero, and a requantisation that gives the code 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES
from m3vit.model.fixed import Codes
from m3vit.model.parameters import Affine, Gate, Linear

Bytes = NDArray[np.uint8]

PARAMETER = np.dtype([("bias", "<i4"), ("multiplier", "<u2"), ("shift", "u1"), ("unused", "u1")])
"""Requantisation of a channel."""

AFFINE = np.dtype([("gain", "<i2"), ("unused", "<i2"), ("bias", "<i4")])
"""The last step of a LayerNorm for a channel."""

GATE_BIAS_BITS, GATE_MULTIPLIER_BITS = 35, 16
"""Fields of an expert's 64-bit requantisation, from bit 0; the shift follows."""

RESIDUAL_SUM_BITS = 18
"""To which results are saturated in front of a residual sum, where the reference leaves them."""


def ceiling(value: int, divisor: int) -> int:
    """The quotient, rounded up."""
    return -(-value // divisor)


@dataclass(frozen=True)
class Channels:
    """Where the channels of the network lie in a row of the hardware.

    Attributes:
        positions: (C,) in the row, ascending.
        count: of the row's channels, in whole words.
    """

    positions: NDArray[np.int64]
    count: int

    @classmethod
    def plain(cls, channels: int, word: int) -> "Channels":
        """All at the front; padded to whole words."""
        return cls(np.arange(channels), ceiling(channels, word) * word)

    @classmethod
    def by_head(cls, heads: int, width: int, word: int) -> "Channels":
        """Each head padded to whole words."""
        padded = ceiling(width, word) * word
        positions = np.arange(heads)[:, None] * padded + np.arange(width)
        return cls(positions.reshape(-1), heads * padded)


def weight_tiles(design: DesignConfig, weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Cut (N, K) weights into tiles of the array.

    Returns:
        (groups x beats, array_outputs, array_inputs): all inputs of one group of outputs, then the
        next group. Zeros fill up the last ones.
    """
    height, width = design.array_outputs, design.array_inputs
    groups, beats = ceiling(weights.shape[0], height), design.beats(weights.shape[1])
    padded = np.zeros((groups * height, beats * width), np.int8)
    padded[: weights.shape[0], : weights.shape[1]] = weights
    tiles = padded.reshape(groups, height, beats, width).swapaxes(1, 2)
    return tiles.reshape(-1, height, width)


def pack_matrix(
    design: DesignConfig, linear: Linear, inputs: Channels, outputs: Channels, groups: int
) -> Bytes:
    """Chunks of a matmul: parameter words, then weight tiles; every chunk begins at a line.

    Args:
        design: sizes of words and tiles.
        linear: of the network.
        inputs, outputs: where its channels lie.
        groups: words of outputs in a chunk; divide all.
    """
    weight = np.zeros((outputs.count, inputs.count), np.int8)
    weight[np.ix_(outputs.positions, inputs.positions)] = linear.weight
    tiles = weight_tiles(design, weight)
    parameters = np.zeros(outputs.count, PARAMETER)
    parameters["bias"] = -linear.zero_point
    parameters["multiplier"], parameters["shift"] = 1 << 14, 14
    for name in ("bias", "multiplier", "shift"):
        parameters[name][outputs.positions] = getattr(linear, name)
    chunks = outputs.count // (groups * design.lanes)
    parts = [pack_bytes(items).reshape(chunks, -1) for items in (parameters, tiles)]
    return _lines(np.concatenate(parts, axis=1))


def pack_gate_weights(design: DesignConfig, weights: NDArray[np.int8]) -> Bytes:
    """(E, D) weights of a gate: one chunk of tiles without parameters."""
    return pack_bytes(weight_tiles(design, weights))


def pack_gate_parameters(gate: Gate, which: int, task: int) -> Bytes:
    """Requantisation of all experts: 8 bytes each.

    Args:
        gate: of the layer.
        which: of its gates.
        task: position among the tasks; picks the bias.
    """
    bias = gate.bias[task].astype(np.int64) & ((1 << GATE_BIAS_BITS) - 1)
    multiplier = gate.multiplier[which].astype(np.int64) << GATE_BIAS_BITS
    shift = gate.shift[which].astype(np.int64) << (GATE_BIAS_BITS + GATE_MULTIPLIER_BITS)
    return pack_bytes((bias | multiplier | shift).astype("<i8"))


def pack_affines(affines: Sequence[Affine], lanes: int) -> Bytes:
    """Gains and biases of a LayerNorm's outputs, one output after the other."""
    parts = []
    for affine in affines:
        channels = np.zeros(ceiling(affine.gain.size, lanes) * lanes, AFFINE)
        channels["gain"][: affine.gain.size] = affine.gain
        channels["bias"][: affine.bias.size] = affine.bias
        parts.append(channels)
    return pack_bytes(np.concatenate(parts))


def pack_rows(codes: Codes, lanes: int) -> Bytes:
    """(R, D) int16 rows of the residual stream, each padded to whole words."""
    rows, width = codes.shape
    padded = np.zeros((rows, ceiling(width, lanes) * lanes), "<i2")
    padded[:, :width] = codes
    return pack_bytes(padded)


def pack_bytes(content: NDArray[Any]) -> Bytes:
    """The bytes of an array, row-major."""
    return np.frombuffer(np.ascontiguousarray(content).tobytes(), np.uint8)


def _lines(rows: Bytes) -> Bytes:
    """Pad each row to whole lines, and join them."""
    padded = np.zeros((len(rows), ceiling(rows.shape[1], LINE_BYTES) * LINE_BYTES), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.reshape(-1)
