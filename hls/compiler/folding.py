"""Algebra on the way into the graph: what an operation on these operands really is.

LLVM has simplified the program already. What is left are the expressions that the compiler
itself makes (predicates, addresses, payloads) and facts that only it knows (value ranges).
A rule returns the simpler node, or None where there is nothing to gain.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import comparisons
from .comparisons import INVERSE
from .graph import Node
from .semantics import COMPARISONS, mask, signed
from .wiring import runs

if TYPE_CHECKING:
    from .builder import GraphBuilder

Rule = Callable[["GraphBuilder", str, int, Sequence[Node]], Node | None]

_MOST_DIGITS = 2
"""A multiplication by a constant of so many signed binary digits is additions."""


def fold(
    builder: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    """A simpler node equal to the operation, or None; not all operands are constants."""
    if width == 1 and operation in _ONE_BIT:
        return _ONE_BIT[operation](builder, operation, width, operands)
    if operation in COMPARISONS:
        return comparisons.fold(builder, operation, operands)
    rule = _RULES.get(operation)
    return rule(builder, operation, width, operands) if rule else None


def _constant(node: Node) -> int | None:
    return node.value if node.operation == "constant" else None


def _constant_last(operands: Sequence[Node]) -> tuple[Node, Node]:
    a, b = operands
    return (b, a) if a.operation == "constant" else (a, b)


# Arithmetic -------------------------------------------------------------------------------------


def _add(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, y = _constant_last(operands)
    addend = _constant(y)
    if addend == 0:
        return x
    if addend is not None and x.operation == "add" and x.operands[1].operation == "constant":
        return b.pure("add", width, x.operands[0], b.constant(addend + x.operands[1].value, width))
    if b.wires.disjoint(x, y):
        return b.pure("or", width, x, y)
    return _add_above_zeros(b, width, x, addend) if addend is not None else None


def _add_above_zeros(b: "GraphBuilder", width: int, x: Node, addend: int) -> Node | None:
    """Nothing is carried out of bits that are zero in one number: a field where it lies."""
    possible = b.wires.possible(x)
    zeros = (possible & -possible).bit_length() - 1
    if zeros < 1:
        return None
    above = b.wires.slice(x, zeros, width - zeros)
    total = b.pure("add", width - zeros, above, b.constant(addend >> zeros, width - zeros))
    return b.wires.concat([total, b.constant(addend, zeros)])


def _sub(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, y = operands
    if x is y:
        return b.constant(0, width)
    if y.operation == "constant":
        return b.pure("add", width, x, b.constant(-y.value, width))
    return None


def signed_digits(value: int) -> list[tuple[int, bool]]:
    """A number as a sum of few powers of two: (exponent, subtract), lowest first."""
    digits = []
    position = 0
    while value:
        if value & 1:
            subtract = value & 3 == 3
            digits.append((position, subtract))
            value += 1 if subtract else -1
        value >>= 1
        position += 1
    return digits


def _mul(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, y = _constant_last(operands)
    if y.operation != "constant":
        return None
    digits = signed_digits(signed(y.value, width))
    if not digits:
        return b.constant(0, width)
    if len(digits) > _MOST_DIGITS:
        return None
    terms = [b.pure("shl", width, x, b.constant(exponent, width)) for exponent, _ in digits]
    (last, negative), *rest = list(zip(terms, (minus for _, minus in digits), strict=True))[::-1]
    result = b.pure("sub", width, b.constant(0, width), last) if negative else last
    for term, subtract in rest:
        result = b.pure("sub" if subtract else "add", width, result, term)
    return result


def _unsigned_division(
    b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    """By a constant: multiply by its rounded-up reciprocal, exact for every numerator."""
    x, y = operands
    divisor = _constant(y)
    if not divisor:
        return None
    if divisor == 1:
        return x if operation == "udiv" else b.constant(0, width)
    if divisor & (divisor - 1) == 0:
        exponent = b.constant(divisor.bit_length() - 1, width)
        if operation == "udiv":
            return b.pure("lshr", width, x, exponent)
        return b.pure("and", width, x, b.constant(divisor - 1, width))
    shift = width + (divisor - 1).bit_length()
    reciprocal = -(-(1 << shift) // divisor)
    wide = width + reciprocal.bit_length() + 1
    product = b.pure("mul", wide, b.wires.zext(x, wide), b.constant(reciprocal, wide))
    quotient = b.resize(b.wires.slice(product, shift, wide - shift), width, is_signed=False)
    if operation == "udiv":
        return quotient
    return b.pure("sub", width, x, b.pure("mul", width, quotient, y))


def _signed_division(
    b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    x, y = operands
    if y.operation != "constant" or y.value == 0:
        return None
    divisor = signed(y.value, width)
    zero = b.constant(0, width)
    negative = b.pure("slt", 1, x, zero)
    magnitude = b.select(negative, b.pure("sub", width, zero, x), x)
    unsigned = "udiv" if operation == "sdiv" else "urem"
    result = b.pure(unsigned, width, magnitude, b.constant(abs(divisor), width))
    if operation == "sdiv" and divisor < 0:
        negative = b.invert(negative)
    return b.select(negative, b.pure("sub", width, zero, result), result)


def _extreme(
    b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    x, y = operands
    if x is y:
        return x
    larger = operation[1:] == "max"
    if operation[0] == "u" and min(x.low, y.low) < 0:
        for node, other in ((x, y), (y, x)):
            if _constant(node) in (0, mask(width)):
                return node if larger == (node.value != 0) else other
        return None
    if x.low >= y.high:
        return x if larger else y
    if y.low >= x.high:
        return y if larger else x
    return None


def _shift(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, amount = operands
    if amount.operation != "constant":
        return None
    shift = amount.value
    if operation == "ashr":
        shift = min(shift, width - 1)
    if shift == 0:
        return x
    if shift >= width:
        return b.constant(0, width)
    if operation == "shl":
        return b.wires.concat([b.wires.slice(x, 0, width - shift), b.constant(0, shift)])
    cut = b.wires.slice(x, shift, width - shift)
    return b.wires.zext(cut, width) if operation == "lshr" else b.wires.sext(cut, width)


# Logic ------------------------------------------------------------------------------------------


def _and(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, y = _constant_last(operands)
    if x is y or _constant(y) == mask(width):
        return x
    if b.wires.disjoint(x, y):
        return b.constant(0, width)
    if y.operation == "constant":
        if b.wires.possible(x) & ~y.value == 0:
            return x
        return b.wires.masked(x, y.value)
    return None


def _or(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, y = _constant_last(operands)
    if x is y or _constant(y) == 0:
        return x
    if _constant(y) == mask(width):
        return y
    return None


def _xor(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    x, y = _constant_last(operands)
    if x is y:
        return b.constant(0, width)
    if _constant(y) == 0:
        return x
    if _constant(y) == mask(width):
        return b.pure("not", width, x)
    return None


def _not(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    (x,) = operands
    if x.operation == "not":
        return x.operands[0]
    if x.operation in INVERSE:
        return b.pure(INVERSE[x.operation], 1, *x.operands)
    return None


def _select(b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]) -> Node | None:
    condition, x, y = operands
    if condition.operation == "constant":
        return x if condition.value else y
    if x is y or b.is_undefined(y):
        return x
    if b.is_undefined(x):
        return y
    if condition.operation == "not":
        return b.select(condition.operands[0], y, x)
    if width == 1:
        chosen = _one_bit_select(b, condition, x, y)
        if chosen is not None:
            return chosen
    simpler = _select_of_extensions(b, condition, x, y)
    if simpler is None:
        simpler = _select_of_fields(b, condition, x, y)
    if simpler is not None:
        return simpler
    if x.operation == "select" and x.operands[0] is condition:
        return b.select(condition, x.operands[1], y)
    if y.operation == "select" and y.operands[0] is condition:
        return b.select(condition, x, y.operands[2])
    return None


def _select_of_extensions(b: "GraphBuilder", condition: Node, x: Node, y: Node) -> Node | None:
    """A choice between extended numbers (or a constant): extended afterwards."""
    extension = x.operation if x.operation in ("zext", "sext") else y.operation
    if extension not in ("zext", "sext"):
        return None
    widths = [word.operands[0].width for word in (x, y) if word.operation == extension]
    narrow: list[Node] = []
    for word in (x, y):
        cut = b.wires.slice(word, 0, max(widths))
        if word.operation not in (extension, "constant"):
            return None
        if b.pure(extension, word.width, cut) is not word:
            return None
        narrow.append(cut)
    return b.pure(extension, x.width, b.pure("select", max(widths), condition, *narrow))


def _select_of_fields(b: "GraphBuilder", condition: Node, x: Node, y: Node) -> Node | None:
    """A choice between words with fields of zeros at the same places: of the other fields."""
    if not any(_has_fields(word) for word in (x, y)):
        return None
    zeros = mask(x.width) & ~(b.wires.possible(x) | b.wires.possible(y))
    if not zeros:
        return None
    parts: list[Node] = []

    def choose(start: int, end: int) -> None:
        if end > start:
            taken, other = (b.wires.slice(word, start, end - start) for word in (x, y))
            parts.append(b.select(condition, taken, other))

    position = x.width
    for start, length in reversed(runs(zeros)):
        choose(start + length, position)
        parts.append(b.constant(0, length))
        position = start
    choose(0, position)
    return b.wires.concat(parts)


def _has_fields(word: Node) -> bool:
    if word.operation in ("zext", "sext"):
        (word,) = word.operands
    return word.operation == "concat"


def _one_bit_select(b: "GraphBuilder", condition: Node, x: Node, y: Node) -> Node | None:
    if x.operation == "constant":
        return b.any_of(condition, y) if x.value else b.all_of(b.invert(condition), y)
    if y.operation == "constant":
        return b.any_of(b.invert(condition), x) if y.value else b.all_of(condition, x)
    return None


# One bit ----------------------------------------------------------------------------------------


def _complementary(x: Node, y: Node) -> bool:
    """One holds exactly where the other does not."""
    for one, other in ((x, y), (y, x)):
        if one.operation == "not" and one.operands[0] is other:
            return True
    return INVERSE.get(x.operation) == y.operation and x.operands == y.operands


def _one_bit_and(
    b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    return _gate(b, "and", "or", operands)


def _one_bit_or(
    b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    return _gate(b, "or", "and", operands)


def _gate(b: "GraphBuilder", gate: str, dual: str, operands: Sequence[Node]) -> Node | None:
    """x op y on one bit; the same rules serve `and` and, with 0 and 1 exchanged, `or`."""
    neutral = 1 if gate == "and" else 0
    x, y = _constant_last(operands)
    if y.operation == "constant":
        return x if y.value == neutral else y
    if x is y:
        return x
    if _complementary(x, y):
        return b.constant(1 - neutral, 1)
    for p, q in ((x, y), (y, x)):
        if q.operation in (gate, dual):
            inner = q.operands
            for this, other in (inner, inner[::-1]):
                if this is p:
                    return q if q.operation == gate else p
                if _complementary(this, p):
                    if q.operation == gate:
                        return b.constant(1 - neutral, 1)
                    return b.pure(gate, 1, p, other)
    if x.operation == y.operation == dual:
        for this, other in (x.operands, x.operands[::-1]):
            for that, another in (y.operands, y.operands[::-1]):
                if this is that and _complementary(other, another):
                    return this
    return None


def _as_gates(
    b: "GraphBuilder", operation: str, width: int, operands: Sequence[Node]
) -> Node | None:
    """Arithmetic of one bit, where -1 is the only number but zero."""
    x, y = operands
    if operation in ("add", "sub"):
        return b.pure("xor", 1, x, y)
    if operation in ("mul", "smin", "umin"):
        return b.all_of(x, y) if operation != "smin" else b.any_of(x, y)
    if operation in ("umax", "smax"):
        return b.any_of(x, y) if operation == "umax" else b.all_of(x, y)
    return x  # a shift by one or a division by zero would be undefined


_ONE_BIT: dict[str, Rule] = {
    "and": _one_bit_and,
    "or": _one_bit_or,
    **dict.fromkeys(["add", "sub", "mul", "smin", "smax", "umin", "umax"], _as_gates),
    **dict.fromkeys(["shl", "lshr", "ashr", "udiv", "sdiv"], _as_gates),
}


_RULES: dict[str, Rule] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "udiv": _unsigned_division,
    "urem": _unsigned_division,
    "sdiv": _signed_division,
    "srem": _signed_division,
    "smax": _extreme,
    "smin": _extreme,
    "umax": _extreme,
    "umin": _extreme,
    "shl": _shift,
    "lshr": _shift,
    "ashr": _shift,
    "and": _and,
    "or": _or,
    "xor": _xor,
    "not": _not,
    "select": _select,
}
