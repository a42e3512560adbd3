"""Comparisons on their way into the graph: decided by ranges, narrowed, brought to one form.

What is left compares with a constant on the right, by eq, ne, ult, ugt, slt or sgt.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .graph import Node
from .ranges import full
from .semantics import mask, signed

if TYPE_CHECKING:
    from .builder import GraphBuilder

_INVERSE = {
    "eq": "ne",
    "ult": "uge",
    "ule": "ugt",
    "slt": "sge",
    "sle": "sgt",
}
INVERSE = _INVERSE | {other: operation for operation, other in _INVERSE.items()}
"""The comparison that holds exactly where this one does not."""


def fold(b: "GraphBuilder", operation: str, operands: Sequence[Node]) -> Node | None:
    """A simpler node equal to a comparison, or None; not both operands are constants."""
    x, y = operands
    if x is y:
        return b.constant(int(operation in _REFLEXIVE), 1)
    if x.width == 1:
        return _one_bit_comparison(b, operation, x, y)
    if x.operation == "constant":
        return b.pure(_MIRRORED.get(operation, operation), 1, y, x)
    decided = _decided(operation, x, y)
    if decided is not None:
        return b.constant(decided, 1)
    if operation[0] in "su" and y.operation == "constant":
        return _against_constant(b, operation, x, y)
    if operation in ("eq", "ne"):
        return _equality(b, operation, x, y)
    return None


_REFLEXIVE = frozenset(["eq", "ule", "uge", "sle", "sge"])
_MIRRORED = {
    "ult": "ugt",
    "ugt": "ult",
    "ule": "uge",
    "uge": "ule",
    "slt": "sgt",
    "sgt": "slt",
    "sle": "sge",
    "sge": "sle",
}


def _one_bit_comparison(b: "GraphBuilder", operation: str, x: Node, y: Node) -> Node:
    if operation in ("eq", "ne"):
        different = b.pure("xor", 1, x, y)
        return different if operation == "ne" else b.invert(different)
    if operation in ("ugt", "slt"):
        return b.all_of(x, b.invert(y))
    if operation in ("ult", "sgt"):
        return b.all_of(b.invert(x), y)
    if operation in ("uge", "sle"):
        return b.any_of(x, b.invert(y))
    return b.any_of(b.invert(x), y)


def _decided(operation: str, x: Node, y: Node) -> int | None:
    """The result where the ranges alone tell it."""
    if operation in ("eq", "ne"):
        apart = x.high < y.low or y.high < x.low
        return int(operation == "ne") if apart else None
    if operation[0] == "u" and min(x.low, y.low) < 0:
        return None
    relation = operation[1:]
    if relation in ("lt", "ge"):
        below, not_below = x.high < y.low, x.low >= y.high
    else:
        below, not_below = x.high <= y.low, x.low > y.high
    if below:
        return int(relation in ("lt", "le"))
    return int(relation in ("ge", "gt")) if not_below else None


def _against_constant(b: "GraphBuilder", operation: str, x: Node, y: Node) -> Node | None:
    """Only `lt` and `gt` remain; against zero the sign, next to a bound an equality."""
    if operation[1:] in ("le", "ge"):
        step = 1 if operation[1:] == "le" else -1
        lowest, highest = full(x.width) if operation[0] == "s" else (0, mask(x.width))
        bound = (signed(y.value, y.width) if operation[0] == "s" else y.value) + step
        if not lowest <= bound <= highest:
            return b.constant(1, 1)
        strict = operation[0] + ("lt" if step > 0 else "gt")
        return b.pure(strict, 1, x, b.constant(bound, x.width))
    if operation in ("ult", "ugt") and x.operation == "concat":
        return _above_zeros(b, operation, x, y)
    if operation == "slt" and y.value == 0:
        return b.wires.slice(x, x.width - 1, 1)
    if operation == "sgt" and y.value == mask(y.width):
        return b.invert(b.wires.slice(x, x.width - 1, 1))
    lowest, highest = (x.low, x.high) if operation[0] == "s" or x.low >= 0 else (0, mask(x.width))
    bound = signed(y.value, y.width) if operation[0] == "s" or x.low >= 0 else y.value
    if operation[1:] == "lt" and bound == lowest + 1:
        return b.pure("eq", 1, x, b.constant(lowest, x.width))
    if operation[1:] == "gt" and bound == highest - 1:
        return b.pure("eq", 1, x, b.constant(highest, x.width))
    if operation[1:] == "lt" and bound == highest:
        return b.pure("ne", 1, x, y)
    if operation[1:] == "gt" and bound == lowest:
        return b.pure("ne", 1, x, y)
    return None


def _above_zeros(b: "GraphBuilder", operation: str, x: Node, y: Node) -> Node | None:
    """Low bits that are zero are not compared: a field of a word where it lies."""
    low = x.operands[-1]
    if low.operation != "constant" or low.value != 0:
        return None
    above = b.wires.slice(x, low.width, x.width - low.width)
    bound = -(-y.value >> low.width) if operation == "ult" else y.value >> low.width
    if bound > mask(above.width):
        return b.constant(1, 1)
    return b.pure(operation, 1, above, b.constant(bound, above.width))


def _equality(b: "GraphBuilder", operation: str, x: Node, y: Node) -> Node | None:
    if y.operation != "constant":
        if x.operation == y.operation and x.operation in ("zext", "sext"):
            (a,), (c,) = x.operands, y.operands
            if a.width == c.width:
                return b.pure(operation, 1, a, c)
        return None
    if x.operation in ("zext", "sext"):
        (inner,) = x.operands
        cut = b.constant(y.value, inner.width)
        if b.resize(cut, x.width, x.operation == "sext") is not y:
            return b.constant(int(operation == "ne"), 1)
        return b.pure(operation, 1, inner, cut)
    if x.operation == "concat" and any(part.operation == "constant" for part in x.operands):
        return _equality_of_fields(b, operation, x, y)
    return None


def _equality_of_fields(b: "GraphBuilder", operation: str, x: Node, y: Node) -> Node | None:
    """Constant fields decide at once, or need no comparison."""
    compared: list[Node] = []
    wanted: list[Node] = []
    position = x.width
    for part in x.operands:
        position -= part.width
        constant = b.wires.slice(y, position, part.width)
        if part.operation != "constant":
            compared.append(part)
            wanted.append(constant)
        elif part is not constant:
            return b.constant(int(operation == "ne"), 1)
    return b.pure(operation, 1, b.wires.concat(compared), b.wires.concat(wanted))
