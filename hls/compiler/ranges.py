"""Bounds of values: what a node can be, read as a signed number of its width.

Everything is an interval (low, high). One-bit values count as 0..1 throughout, also where an
operation would read them as 0..-1; `_as_signed` turns them round where that matters.
"""

from collections.abc import Sequence

from .graph import Node
from .semantics import COMPARISONS, mask, signed

Range = tuple[int, int]


def full(width: int) -> Range:
    """Every value of `width` bits."""
    if width <= 1:
        return 0, width
    return -(1 << (width - 1)), (1 << (width - 1)) - 1


def of_constant(value: int, width: int) -> Range:
    """The one value of a bit pattern."""
    number = signed(value, width) if width > 1 else value
    return number, number


def fit(bounds: Range, width: int) -> Range:
    """The bounds of a result before it wraps -> after: all values where it may wrap."""
    low, high = full(width)
    return bounds if low <= bounds[0] and bounds[1] <= high else (low, high)


def union(*ranges: Range) -> Range:
    """The smallest interval around all."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _as_signed(node: Node) -> Range:
    return (-node.high, -node.low) if node.width == 1 else (node.low, node.high)


def _as_unsigned(node: Node) -> Range:
    return (node.low, node.high) if node.low >= 0 else (0, mask(node.width))


def _corners(a: Range, b: Range) -> Range:
    products = [x * y for x in a for y in b]
    return min(products), max(products)


def _arithmetic(operation: str, width: int, a: Node, b: Node) -> Range:
    if operation == "add":
        bounds = a.low + b.low, a.high + b.high
    elif operation == "sub":
        bounds = a.low - b.high, a.high - b.low
    else:
        bounds = _corners((a.low, a.high), (b.low, b.high))
    return fit(bounds, width)


def _division(operation: str, width: int, a: Node, b: Node) -> Range:
    if operation == "udiv":
        (low, high), (divisor_low, divisor_high) = _as_unsigned(a), _as_unsigned(b)
        bounds = low // max(divisor_high, 1), high // max(divisor_low, 1)
        return fit((0 if divisor_low == 0 else bounds[0], bounds[1]), width)
    if operation == "urem":
        return fit((0, min(_as_unsigned(a)[1], max(_as_unsigned(b)[1] - 1, 0))), width)
    (low, high), (divisor_low, divisor_high) = _as_signed(a), _as_signed(b)
    limit = max(-low, high, 0)
    if operation == "srem":
        limit = min(limit, max(-divisor_low, divisor_high) - 1)
    limit = max(limit, 0)
    positive = low >= 0 and (operation == "srem" or divisor_low >= 0)
    return fit((0 if positive else -limit, limit), width)


def _bitwise(operation: str, width: int, a: Node, b: Node) -> Range:
    if operation == "and" and (a.low >= 0 or b.low >= 0):
        return 0, min(node.high for node in (a, b) if node.low >= 0)
    if a.low >= 0 and b.low >= 0:
        least = max(a.low, b.low) if operation == "or" else 0
        return least, mask(max(a.high, b.high).bit_length())
    bits = max(node.bits + (0 if node.signed else 1) for node in (a, b))
    return fit(full(max(bits, 2)), width)


def _shifted(operation: str, width: int, a: Node, amount: Node) -> Range:
    least, most = (min(bound, width) for bound in _as_unsigned(amount))
    if operation == "shl":
        if most >= width:
            return full(width)
        ends = [bound << shift for bound in (a.low, a.high) for shift in (least, most)]
        return fit((min(ends), max(ends)), width)
    low, high = _as_unsigned(a) if operation == "lshr" else _as_signed(a)
    ends = [bound >> shift for bound in (low, high) for shift in (least, most)]
    return fit((min(ends), max(ends)), width)


def _concatenated(operands: Sequence[Node]) -> Range:
    low, high = _as_signed(operands[0])
    for node in operands[1:]:
        least, most = _as_unsigned(node)
        low, high = (low << node.width) + least, (high << node.width) + most
    return low, high


def _sliced(node: Node, start: int, width: int) -> Range:
    low, high = _as_signed(node)
    low, high = low >> start, high >> start
    if width == 1 and low == high:
        return low & 1, low & 1
    return fit((low, high), width)


def of_operation(operation: str, width: int, operands: Sequence[Node], start: int = 0) -> Range:
    """Bounds of a pure operation's result from those of its operands.

    Operations whose values come from outside (argument, register, call, result) may be anything.
    """
    if operation in ("add", "sub", "mul"):
        return _arithmetic(operation, width, operands[0], operands[1])
    if operation in ("udiv", "sdiv", "urem", "srem"):
        return _division(operation, width, operands[0], operands[1])
    if operation in ("and", "or", "xor"):
        return _bitwise(operation, width, operands[0], operands[1])
    if operation in ("shl", "lshr", "ashr"):
        return _shifted(operation, width, operands[0], operands[1])
    if operation in COMPARISONS:
        return 0, 1
    if operation == "not":
        (node,) = operands
        return (1 - node.high, 1 - node.low) if width == 1 else (~node.high, ~node.low)
    if operation == "select":
        return union(*((node.low, node.high) for node in operands[1:]))
    if operation in ("smax", "smin", "umax", "umin"):
        pick = max if operation[1:] == "max" else min
        if width == 1 or (operation[0] == "u" and min(node.low for node in operands) < 0):
            return full(width)
        return pick(node.low for node in operands), pick(node.high for node in operands)
    if operation == "zext":
        return _as_unsigned(operands[0])
    if operation == "sext":
        return _as_signed(operands[0])
    if operation in ("trunc", "slice"):
        return _sliced(operands[0], start, width)
    if operation == "concat":
        return _concatenated(operands)
    return full(width)
