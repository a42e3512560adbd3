"""Bytes of a memory against its elements and fields."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from .ir import Field, Memory


@dataclass(frozen=True)
class Piece:
    """The part of one field that an access touches.

    Attributes:
        element, field: which one.
        start: its lowest bit inside the field's image in memory.
        position: where that bit is inside the access.
        length: bits.
    """

    element: int
    field: int
    start: int
    position: int
    length: int


class Layout:
    """The elements of a memory, row-major, each with the same fields."""

    def __init__(self, memory: Memory) -> None:
        self.fields: tuple[Field, ...] = tuple(
            sorted(memory.element.fields, key=lambda field: field.offset)
        )
        self.count = prod(memory.dimensions)
        self.stride = memory.element.memory_width
        """Bits from one element to the next."""
        self.numbers = [memory.element.fields.index(field) for field in self.fields]
        """Position in `Payload.fields` of each of `fields`."""
        self._starts = [field.offset for field in self.fields]

    @property
    def bits(self) -> int:
        """Of the whole memory, as C++ lays it out."""
        return self.count * self.stride

    def pieces(self, offset: int, width: int, bounded: bool = True) -> Iterator[Piece]:
        """The fields that bits [offset, offset + width) touch.

        `bounded`: what lies outside the memory is left out; otherwise elements go on.
        """
        first, last = offset // self.stride, (offset + width - 1) // self.stride
        if bounded:
            first, last = max(0, first), min(self.count - 1, last)
        for element in range(first, last + 1):
            origin = element * self.stride - offset
            start = max(0, bisect_right(self._starts, -origin) - 1)
            for number in range(start, len(self.fields)):
                field = self.fields[number]
                position = origin + field.offset
                if position >= width:
                    break
                below = max(0, -position)
                length = min(field.memory_width, width - position) - below
                if length > 0:
                    yield Piece(element, number, below, position + below, length)
