"""The engine's memory: what lies at which line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls.isa import BEAT_BYTES, LINE_BYTES

from .packing import Bytes, ceiling

MEBIBYTE = 1 << 20
SMALLEST_POOL = 512
"""MiB of contiguous memory, about what PYNQ's image for the ZCU104 has anyway."""

ADDRESS_BITS = 26
"""Of a line's address in an instruction."""


@dataclass(frozen=True)
class Region:
    """Neighbouring lines.

    Attributes:
        line: the first one. size: bytes that are in use.
    """

    line: int
    size: int

    @property
    def start(self) -> int:
        """Its first byte."""
        return self.line * LINE_BYTES

    @property
    def stop(self) -> int:
        """Behind its last byte."""
        return self.start + self.size

    @property
    def beats(self) -> int:
        """Beats of an AXI port that it takes."""
        return ceiling(self.size, BEAT_BYTES)


def pool_remedy(size: int) -> str:
    """What to do on a board that does not give so many bytes of contiguous memory.

    The pool is twice as large at least, for displays and others take from it.
    """
    pool = max(SMALLEST_POOL, 1 << (2 * size // MEBIBYTE).bit_length())
    return f"free other buffers, or restart the board with cma={pool}M among its kernel arguments"


class Arena:
    """Hands out lines one after another, and keeps what is written there at first."""

    def __init__(self) -> None:
        self._end = 0
        self._pieces: list[tuple[int, Bytes]] = []

    @property
    def size(self) -> int:
        """Bytes handed out, in whole lines."""
        return self._end * LINE_BYTES

    def reserve(self, size: int) -> Region:
        """Lines for `size` bytes that the engine or the host will write.

        Raises:
            UserError: more than instructions can address.
        """
        region = Region(self._end, size)
        self._end += ceiling(size, LINE_BYTES)
        excess = self.size - (LINE_BYTES << ADDRESS_BITS)
        if excess > 0:
            raise UserError(
                f"this network takes {self.size} bytes of memory, {excess} more than the engine "
                "can address: take a smaller one"
            )
        return region

    def place(self, content: Bytes) -> Region:
        """Lines that hold `content` from the start."""
        region = self.reserve(content.size)
        self._pieces.append((region.start, content))
        return region

    def content(self) -> tuple[tuple[int, NDArray[np.uint8]], ...]:
        """(offset, bytes) of all that was placed; neighbours are joined."""
        joined: list[tuple[int, list[Bytes]]] = []
        end = -1
        for start, piece in self._pieces:
            padded = np.zeros(ceiling(piece.size, LINE_BYTES) * LINE_BYTES, np.uint8)
            padded[: piece.size] = piece
            if start == end:
                joined[-1][1].append(padded)
            else:
                joined.append((start, [padded]))
            end = start + padded.size
        return tuple((start, np.concatenate(pieces)) for start, pieces in joined)
