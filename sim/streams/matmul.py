"""Streams of the kernels `panel`, `matmul_array`, `serialise` and `requantise`.

The array visits one block of `array_tokens` rows after the other, and in a block one group of
`array_outputs` outputs after the other, so each block passes the panel once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.host.packing import RESIDUAL_SUM_BITS, weight_tiles
from m3vit.model.fixed import Codes
from m3vit.sim.csim.kernels import stream_types

from .words import arrival, in_order, join, split, word_count


def panel_inputs(design: DesignConfig, activations: Codes, outputs: int) -> dict[str, NDArray[Any]]:
    """One command, and the rows.

    Args:
        design: sizes of the kernel.
        activations: (R, K) in -128..255.
        outputs: N of the weights that they will meet.
    """
    types = _types("panel", design)
    command = np.zeros(1, types["commands"])
    command["tokens"] = len(activations)
    command["words"] = word_count(activations.shape[1], types["rows"])
    command["repeats"] = _ceiling(outputs, design.array_outputs)
    rows = split(activations, types["rows"])
    return {"commands": command, "rows": rows, "weights_0": rows[:0], "weights_1": rows[:0]}


def array_inputs(
    design: DesignConfig, tiles: NDArray[Any], weights: NDArray[np.int8]
) -> dict[str, NDArray[Any]]:
    """One command, what the panel sent, and tiles of weights (N, K)."""
    types = _types("matmul_array", design)
    beats = design.beats(weights.shape[1])
    packed = weight_tiles(design, weights)
    once = np.zeros(len(packed), types["weights"])
    once["at"] = packed
    command = np.zeros(1, types["commands"])
    command["sums"], command["beats"] = tiles.size // beats, beats
    return {
        "commands": command,
        "activations": tiles,
        "weights": np.tile(once, tiles.size // once.size),
    }


def serialise_inputs(
    design: DesignConfig, tiles: NDArray[Any], rows: int, outputs: int
) -> dict[str, NDArray[Any]]:
    """A command for the full blocks and one for a last smaller one, and the array's tiles."""
    types = _types("serialise", design)
    full, rest = divmod(rows, design.array_tokens)
    commands = np.zeros((full > 0) + (rest > 0), types["commands"])
    groups = _ceiling(outputs, design.array_outputs)
    if full:
        commands[0]["tokens"], commands[0]["sweeps"] = design.array_tokens, full * groups
    if rest:
        commands[-1]["tokens"], commands[-1]["sweeps"] = rest, groups
    return {"commands": commands, "tiles": tiles}


def serialise_outputs(
    design: DesignConfig, streams: Mapping[str, NDArray[Any]], rows: int, outputs: int
) -> NDArray[np.int32]:
    """(R, N) sums."""
    words = streams["rows"]
    order = arrival(rows, word_count(outputs, words.dtype), design.array_tokens)
    return join(in_order(words, order), outputs)


def requantise_inputs(
    design: DesignConfig,
    sums: NDArray[np.integer[Any]],
    bias: NDArray[np.integer[Any]],
    multiplier: NDArray[np.integer[Any]],
    shift: NDArray[np.integer[Any]],
    zero_point: int,
    bits: int,
) -> dict[str, NDArray[Any]]:
    """One command, and all rows of one word of channels after those of the other.

    Args:
        design: sizes of the kernel.
        sums: (T, N).
        bias, multiplier, shift: (N,) each, see `m3vit.model.fixed.Requantisation`.
        zero_point: of the codes.
        bits: of the codes: 8, 16, or 32, for which the kernel saturates to 18.
    """
    types = _types("requantise", design)
    rows, channels = sums.shape
    words = word_count(channels, types["sums"])
    lanes = np.zeros(words * design.lanes, types["parameters"]["lane"].base)
    lanes["multiplier"], lanes["shift"] = 1 << 14, 11  # also of lanes without a channel
    for name, values in (("bias", bias), ("multiplier", multiplier), ("shift", shift)):
        lanes[name][:channels] = values
    parameters = np.zeros(words, types["parameters"])
    parameters["lane"] = lanes.reshape(words, design.lanes)
    command = np.zeros(1, types["commands"])
    command["rows"], command["words"] = rows, words
    command["zero_point"], command["bits"] = zero_point, min(bits, RESIDUAL_SUM_BITS)
    return {
        "commands": command,
        "sums": split(sums, types["sums"])[arrival(rows, words, rows)],
        "parameters": parameters,
    }


def requantise_outputs(
    streams: Mapping[str, NDArray[Any]], rows: int, channels: int
) -> NDArray[np.int32]:
    """(T, N) codes."""
    words = streams["results"]
    order = arrival(rows, word_count(channels, words.dtype), rows)
    return join(in_order(words, order), channels)


def _ceiling(value: int, divisor: int) -> int:
    return -(-value // divisor)


def _types(kernel: str, design: DesignConfig) -> Mapping[str, np.dtype[Any]]:
    return {name: stream.dtype for name, stream in stream_types(kernel, design).items()}
