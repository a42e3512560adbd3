"""Normal form of what costs no logic: fields cut out of words and words put together.

Extensions, cuts, masks and shifts by constants become `trunc`, `slice`, `zext`, `sext` and flat
`concat` nodes, so that a field that was packed into a word and taken out again is the field
itself: slice(concat) picks, concat of neighbouring slices joins, extensions come outermost.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from .graph import EFFECTS, Node
from .ranges import full
from .semantics import mask

if TYPE_CHECKING:
    from .builder import GraphBuilder

OPERATIONS = frozenset(["trunc", "slice", "zext", "sext", "concat"])

_MOST_RUNS = 4
"""A constant mask with more runs of ones stays an `and`."""


def runs(value: int) -> list[tuple[int, int]]:
    """Runs of ones in a number, as (lowest bit, length), from the lowest."""
    found = []
    position = 0
    while value:
        zeros = (value & -value).bit_length() - 1
        value >>= zeros
        ones = (~value & (value + 1)).bit_length() - 1
        found.append((position + zeros, ones))
        value >>= ones
        position += zeros + ones
    return found


class Wires:
    """The wiring rules of one builder."""

    def __init__(self, builder: "GraphBuilder") -> None:
        self._builder = builder
        self._possible: dict[int, int] = {}
        self._offsets: dict[int, list[int]] = {}
        self._flat: dict[int, Node | None] = {}

    def fold(self, operation: str, width: int, operands: Sequence[Node], start: int) -> Node:
        """The normal form of a wiring operation."""
        if operation in ("trunc", "slice"):
            return self.slice(operands[0], start, width)
        if operation == "zext":
            return self.zext(operands[0], width)
        if operation == "sext":
            return self.sext(operands[0], width)
        return self.concat(operands)

    # Extensions ---------------------------------------------------------------------------------

    def zext(self, node: Node, width: int) -> Node:
        """Extended by zeros."""
        if node.width == width:
            return node
        if node.operation == "constant":
            return self._builder.constant(node.value, width)
        if node.operation == "zext":
            return self.zext(node.operands[0], width)
        if node.operation == "trunc":
            (source,) = node.operands
            if source.low >= 0 and source.high <= mask(node.width):
                return self._resized(source, width, is_signed=False)
        return self._builder.node("zext", width, (node,))

    def sext(self, node: Node, width: int) -> Node:
        """Extended by the sign."""
        if node.width == width:
            return node
        if node.operation == "sext":
            return self.sext(node.operands[0], width)
        if node.operation == "constant":
            sign = node.value >> (node.width - 1)
            return self._builder.constant(node.value - (sign << node.width), width)
        if node.operation == "zext" or (node.width > 1 and node.low >= 0):
            return self.zext(node, width)
        if node.operation == "trunc" and node.width > 1:
            (source,) = node.operands
            low, high = full(node.width)
            if low <= source.low and source.high <= high:
                return self._resized(source, width, is_signed=True)
        return self._builder.node("sext", width, (node,))

    def _resized(self, node: Node, width: int, is_signed: bool) -> Node:
        if node.width > width:
            return self.slice(node, 0, width)
        return self.sext(node, width) if is_signed else self.zext(node, width)

    # Cutting ------------------------------------------------------------------------------------

    def slice(self, node: Node, start: int, width: int) -> Node:
        """Bits [start, start + width)."""
        if start == 0 and width == node.width:
            return node
        simpler = self._simpler_slice(node, start, width)
        if simpler is not None:
            return simpler
        operation = "slice" if start else "trunc"
        return self._builder.node(operation, width, (node,), start=start)

    def _simpler_slice(self, node: Node, start: int, width: int) -> Node | None:
        operation = node.operation
        if operation == "constant":
            return self._builder.constant(node.value >> start, width)
        if operation in ("slice", "trunc"):
            return self.slice(node.operands[0], node.start + start, width)
        if operation in ("zext", "sext"):
            return self._slice_of_extension(node, start, width)
        if operation == "concat":
            return self._slice_of_concat(node, start, width)
        if operation == "or":
            flat = self.flat(node)
            return None if flat is node else self.slice(flat, start, width)
        if operation == "and" and node.operands[1].operation == "constant":
            parts = [self.slice(operand, start, width) for operand in node.operands]
            return self._builder.pure("and", width, *parts)
        if operation == "select" and all(_is_wiring(operand) for operand in node.operands[1:]):
            if_true, if_false = (self.slice(part, start, width) for part in node.operands[1:])
            return self._builder.select(node.operands[0], if_true, if_false)
        return None

    def _slice_of_extension(self, node: Node, start: int, width: int) -> Node:
        (inner,) = node.operands
        if start + width <= inner.width:
            return self.slice(inner, start, width)
        if node.operation == "zext":
            if start >= inner.width:
                return self._builder.constant(0, width)
            return self.zext(self.slice(inner, start, inner.width - start), width)
        start = min(start, inner.width - 1)
        return self.sext(self.slice(inner, start, inner.width - start), width)

    def _slice_of_concat(self, node: Node, start: int, width: int) -> Node:
        offsets = self._offsets.get(node.index)
        if offsets is None:
            widths = [operand.width for operand in reversed(node.operands)]
            offsets = [0, *accumulate(widths)]
            self._offsets[node.index] = offsets
        parts = []
        position = start
        while position < start + width:
            piece = bisect_right(offsets, position) - 1
            operand = node.operands[-1 - piece]
            end = min(offsets[piece + 1], start + width)
            parts.append(self.slice(operand, position - offsets[piece], end - position))
            position = end
        return self.concat(parts[::-1])

    # Joining ------------------------------------------------------------------------------------

    def concat(self, operands: Sequence[Node]) -> Node:
        """Operands side by side, from the highest bits to the lowest."""
        width = sum(operand.width for operand in operands)
        parts: list[Node] = []
        for operand in operands:
            for part in self._unpacked(operand):
                if parts:
                    joined = self._joined(parts[-1], part)
                    if joined is not None:
                        parts[-1] = joined
                        continue
                parts.append(part)
        top = parts[0]
        if len(parts) == 1:
            return top
        if top.operation == "constant" and top.value == 0:
            return self.zext(self.concat(parts[1:]), width)
        if top.operation == "sext":
            return self.sext(self.concat([top.operands[0], *parts[1:]]), width)
        return self._builder.node("concat", width, tuple(parts))

    def _unpacked(self, node: Node) -> Sequence[Node]:
        """A word as the fields it is made of, highest first."""
        if node.operation == "concat":
            return node.operands
        if node.operation == "zext":
            (inner,) = node.operands
            zeros = self._builder.constant(0, node.width - inner.width)
            return [zeros, *self._unpacked(inner)]
        if node.operation == "sext" and node.operands[0].operation == "concat":
            (inner,) = node.operands
            top, *others = inner.operands
            return [self.sext(top, top.width + node.width - inner.width), *others]
        return [node]

    def _joined(self, high: Node, low: Node) -> Node | None:
        """Two neighbours as one, when they are constants or neighbours in one word already."""
        if high.operation == low.operation == "constant":
            value = high.value << low.width | low.value
            return self._builder.constant(value, high.width + low.width)
        source, start, _ = _origin(high)
        below, low_start, low_width = _origin(low)
        if source is below and start == low_start + low_width and source.operation != "constant":
            return self.slice(source, low_start, high.width + low.width)
        return None

    # Masks and disjoint words -------------------------------------------------------------------

    def masked(self, node: Node, value: int) -> Node | None:
        """`node & value` as fields between zeros, for masks with few runs of ones."""
        fields = runs(value)
        if len(fields) > _MOST_RUNS:
            return None
        pieces = [(start, self.slice(node, start, length)) for start, length in fields]
        return self._placed(pieces, node.width)

    def possible(self, node: Node) -> int:
        """A mask of the bits that can be one."""
        known = self._possible.get(node.index)
        if known is None:
            known = self._possible[node.index] = self._possible_bits(node)
        return known

    def _possible_bits(self, node: Node) -> int:
        operation = node.operation
        bound = mask(node.high.bit_length()) if node.low >= 0 else mask(node.width)
        if operation == "constant":
            return node.value
        if operation in EFFECTS:
            return bound
        known = [self.possible(operand) for operand in node.operands]
        if operation == "zext":
            return known[0]
        if operation == "sext":
            inner = node.operands[0].width
            sign = known[0] >> (inner - 1) & 1
            return known[0] | (mask(node.width) ^ mask(inner)) * sign
        if operation in ("trunc", "slice"):
            return known[0] >> node.start & mask(node.width)
        if operation == "concat":
            result = 0
            for operand, bits in zip(node.operands, known, strict=True):
                result = result << operand.width | bits
            return result
        if operation in ("or", "xor"):
            return known[0] | known[1]
        if operation == "and":
            return known[0] & known[1]
        if operation == "select":
            return known[1] | known[2]
        if operation in ("add", "sub", "mul"):
            zeros = [(bits & -bits).bit_length() - 1 if bits else node.width for bits in known]
            fewest = sum(zeros) if operation == "mul" else min(zeros)
            return bound & ~mask(fewest)
        return bound

    def disjoint(self, a: Node, b: Node) -> bool:
        """No bit can be one in both."""
        return self.possible(a) & self.possible(b) == 0

    def flat(self, node: Node) -> Node:
        """An `or` of words that do not overlap as one concat; any other node as it is."""
        if node.operation != "or" or node.width == 1:
            return node
        if node.index not in self._flat:
            self._flat[node.index] = self._flattened(node)
        return self._flat[node.index] or node

    def _flattened(self, root: Node) -> Node | None:
        if not self.disjoint(*root.operands):
            return None
        pieces: list[tuple[int, Node]] = []
        todo = [root]
        while todo:
            node = todo.pop()
            if node.operation == "or" and self.disjoint(*node.operands):
                todo += node.operands
            else:
                found = self._fields(node)
                if found is None:
                    return None
                pieces += found
        pieces.sort(key=lambda piece: piece[0])
        ends = [start + piece.width for start, piece in pieces]
        if any(end > start for end, (start, _) in zip(ends, pieces[1:], strict=False)):
            return None
        flat = self._placed(pieces, root.width)
        return None if flat is root else flat

    def _fields(self, node: Node) -> list[tuple[int, Node]] | None:
        """The parts of a word that are not constant zero, as (lowest bit, part)."""
        if node.operation in ("concat", "zext", "sext"):
            fields = []
            position = 0
            for part in reversed(self._unpacked(node)):
                if part.operation != "constant" or part.value:
                    fields.append((position, part))
                position += part.width
            return fields
        possible = self.possible(node)
        if not possible:
            return []
        if len(runs(possible)) > 1:
            return None
        ((start, length),) = runs(possible)
        return [(start, self.slice(node, start, length))]

    def _placed(self, pieces: Sequence[tuple[int, Node]], width: int) -> Node:
        """Pieces, lowest first, at their places in a word of zeros."""
        parts: list[Node] = []
        position = 0
        for start, piece in pieces:
            if start > position:
                parts.append(self._builder.constant(0, start - position))
            parts.append(piece)
            position = start + piece.width
        if position < width:
            parts.append(self._builder.constant(0, width - position))
        return self.concat(parts[::-1])


def _is_wiring(node: Node) -> bool:
    return node.operation in ("concat", "zext", "sext", "constant")


def _origin(node: Node) -> tuple[Node, int, int]:
    """(word, lowest bit, width): where a field was cut from."""
    if node.operation in ("slice", "trunc"):
        return node.operands[0], node.start, node.width
    return node, 0, node.width
