"""The memory that programs address by lines, and how numbers lie in it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import BEAT_BYTES, LINE_BYTES
from m3vit.hls.isa_checks import ceiling
from m3vit.model.fixed import Codes, Requantisation
from m3vit.model.integer_ops import Routing
from m3vit.model.parameters import Affine

Bytes = NDArray[np.uint8]

PARAMETER = np.dtype([("bias", "<i4"), ("multiplier", "<u2"), ("shift", "u1"), ("unused", "u1")])
AFFINE = np.dtype([("gain", "<i2"), ("unused", "<i2"), ("bias", "<i4")])

GATE_BIAS_BITS, GATE_MULTIPLIER_BITS, GATE_SHIFT_BITS = 35, 16, 6
PICK_PLACES = {"token": 0, "expert": 12, "rank": 20, "score": 24}
"""Lowest bits of a pick's fields."""


class OutsideArenaError(Exception):
    """A program addresses what is not its memory."""


class Arena:
    """Reads and writes memory in the formats of `docs/isa.md`.

    Args:
        design: sizes of words and tiles.
        content: (bytes,) uint8, which is changed in place. Only whole lines can be addressed.
    """

    def __init__(self, design: DesignConfig, content: Bytes) -> None:
        self.design = design
        self._content = content
        self._lines = content.size // LINE_BYTES

    def read(self, line: int, size: int) -> Bytes:
        """`size` bytes.

        Raises:
            OutsideArenaError: a line of them is not there.
        """
        start = self._start(line, size)
        return self._content[start : start + size]

    def write(self, line: int, content: Bytes) -> None:
        """Write whole beats; zeros follow the content.

        Raises:
            OutsideArenaError: a line of them is not there.
        """
        start = self._start(line, content.size)
        beats = np.zeros(ceiling(content.size, BEAT_BYTES) * BEAT_BYTES, np.uint8)
        beats[: content.size] = content
        self._content[start : start + beats.size] = beats

    def rows(self, line: int, rows: int, words: int) -> Codes:
        """(rows, words x lanes) int16."""
        channels = words * self.design.lanes
        return self._numbers(line, "<i2", rows * channels).reshape(rows, channels).astype(np.int16)

    def write_rows(self, line: int, codes: Codes) -> None:
        """int16 codes of any shape, in their order."""
        self.write(line, _bytes(codes.astype("<i2")))

    def weights(self, line: int, groups: int, beats: int, skipped: int = 0) -> NDArray[np.int8]:
        """(groups x array_outputs, beats x array_inputs), tile by tile; `skipped` bytes precede."""
        height, width = self.design.array_outputs, self.design.array_inputs
        size = groups * beats * height * width
        tiles = self.read(line, skipped + size)[skipped:].view(np.int8)
        tiles = tiles.reshape(groups, beats, height, width).swapaxes(1, 2)
        return tiles.reshape(groups * height, beats * width)

    def chunk(
        self, line: int, groups: int, beats: int, zero_point: int, bits: int
    ) -> tuple[NDArray[np.int8], Requantisation, int]:
        """Weights of a chunk, their requantisation, and the line behind them."""
        channels = groups * self.design.lanes
        found = self._numbers(line, PARAMETER, channels)
        rule = Requantisation(found["bias"], found["multiplier"], found["shift"], zero_point, bits)
        size = channels * PARAMETER.itemsize
        weights = self.weights(line, groups, beats, skipped=size)
        return weights, rule, line + ceiling(size + weights.size, LINE_BYTES)

    def affines(self, line: int, words: int, outputs: list[tuple[int, int]]) -> list[Affine]:
        """LayerNorm parameters of outputs (shift, bits), one behind the other."""
        channels = words * self.design.lanes
        found = self._numbers(line, AFFINE, channels * len(outputs)).reshape(-1, channels)
        return [
            Affine(part["gain"].astype(np.int16), part["bias"].astype(np.int32), shift, bits)
            for part, (shift, bits) in zip(found, outputs, strict=True)
        ]

    def gate_rule(self, line: int, experts: int) -> Requantisation:
        """Requantisation of a gate's sums."""
        found = self._numbers(line, "<u8", experts).astype(np.uint64)
        places = 0, GATE_BIAS_BITS, GATE_BIAS_BITS + GATE_MULTIPLIER_BITS
        widths = GATE_BIAS_BITS, GATE_MULTIPLIER_BITS, GATE_SHIFT_BITS
        bias, multiplier, shift = (
            ((found >> np.uint64(place)) & np.uint64((1 << width) - 1)).astype(np.int64)
            for place, width in zip(places, widths, strict=True)
        )
        bias = _signed(bias, GATE_BIAS_BITS)
        multiplier = _signed(multiplier, GATE_MULTIPLIER_BITS)
        return Requantisation(bias, multiplier, shift.astype(np.uint8), zero_point=0, bits=16)

    def write_picks(self, line: int, routing: Routing) -> None:
        """What a gate chose: 8 bytes each, token by token, the best expert first."""
        tokens, kept = routing.experts.shape
        fields = {
            "token": np.arange(tokens)[:, None],
            "expert": routing.experts,
            "rank": np.arange(kept)[None],
            "score": routing.scores.astype(np.int64),
        }
        picks = np.zeros((tokens, kept), np.int64)
        for name, values in fields.items():
            picks |= values << PICK_PLACES[name]
        self.write(line, _bytes(picks.astype("<u8")))

    def _numbers(self, line: int, dtype: Any, count: int) -> NDArray[Any]:
        return self.read(line, count * np.dtype(dtype).itemsize).copy().view(dtype)

    def _start(self, line: int, size: int) -> int:
        end = line + ceiling(size, LINE_BYTES)
        if end > self._lines:
            raise OutsideArenaError(
                f"lines {line:#x} to {end - 1:#x} are not in the arena's {self._lines:#x} lines"
            )
        return line * LINE_BYTES


def _bytes(array: NDArray[Any]) -> Bytes:
    return np.frombuffer(array.tobytes(), np.uint8)


def _signed(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Two's complement."""
    half = 1 << (bits - 1)
    return (values ^ half) - half
