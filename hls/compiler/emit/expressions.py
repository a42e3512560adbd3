"""One node as a SystemVerilog expression whose operands have exactly the width they need.

In SystemVerilog the width and sign of an operand depend on what surrounds it. Here every operand
is cut or extended to the width of the result before it is used, and whatever is computed as a
signed number gets a wire of its own (`STANDALONE`), so no context can change a value.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..graph import Node
from ..semantics import COMPARISONS, mask, signed

STANDALONE = frozenset(
    ["mul", "ashr", "sdiv", "srem", "udiv", "urem", "smax", "smin", "umax", "umin", "call", "load"]
)
"""Operations that are not written inside another expression."""

_SYMBOLS = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^"}
_RELATIONS = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Expression(NamedTuple):
    """Text; `atomic` says that it needs no brackets as an operand."""

    text: str
    atomic: bool = True

    def __str__(self) -> str:
        return self.text if self.atomic else f"({self.text})"


class Operands(Protocol):
    """Where the operands of a node come from."""

    def bits(self, node: Node, stage: int, low: int, width: int, named: bool = False) -> Expression:
        """Bits [low, low + width) of the endlessly extended value; `named`: not computed here."""


def literal(value: int, width: int) -> Expression:
    """A constant: small ones in decimal."""
    value &= mask(width)
    return Expression(f"{width}'d{value}" if value < 1024 else f"{width}'h{value:x}")


def zeros(width: int) -> Expression:
    """Nothing but zeros."""
    return Expression(f"{width}'d0")


def joined(parts: list[Expression]) -> Expression:
    """A concatenation, the highest bits first."""
    if len(parts) == 1:
        return parts[0]
    return Expression("{" + ", ".join(part.text for part in parts) + "}")


def any_of(conditions: Sequence[str]) -> str:
    """One of the conditions holds."""
    if len(conditions) < 2:
        return conditions[0] if conditions else "1'b0"
    return " | ".join(_bracketed(condition) for condition in conditions)


def first_of(choices: Sequence[tuple[str, str]]) -> str:
    """The value of the first condition that holds; the last one needs none."""
    text = choices[-1][1] if choices else ""
    for condition, value in reversed(choices[:-1]):
        if value != text:
            text = f"{_bracketed(condition)} ? {value} : {text}"
    return text


def _bracketed(condition: str) -> str:
    return f"({condition})" if " " in condition else condition


def expression(node: Node, stage: int, operands: Operands) -> Expression:
    """What computes `node.bits` bits of a node that is neither wiring nor an effect."""
    operation, bits = node.operation, node.bits
    if operation == "add" and _is_subtraction(node):
        first = operands.bits(node.operands[0], stage, 0, bits)
        return Expression(f"{first} - {literal(-node.operands[1].value, bits)}", atomic=False)
    if operation in _SYMBOLS:
        first, second = (operands.bits(x, stage, 0, bits) for x in node.operands)
        return Expression(f"{first} {_SYMBOLS[operation]} {second}", atomic=False)
    if operation == "select":
        condition = operands.bits(node.operands[0], stage, 0, 1)
        chosen, other = (operands.bits(x, stage, 0, bits) for x in node.operands[1:])
        return Expression(f"{condition} ? {chosen} : {other}", atomic=False)
    if operation == "mul":
        factors = [_factor(x, stage, bits, operands) for x in node.operands]
        return Expression(" * ".join(factors), atomic=False)
    if operation in COMPARISONS:
        return _comparison(node, stage, operands)
    if operation in ("smax", "smin", "umax", "umin"):
        return _extreme(node, stage, operands)
    if operation in ("shl", "lshr", "ashr"):
        return _shift(node, stage, operands)
    if operation in ("udiv", "sdiv", "urem", "srem"):
        symbol = "/" if operation[1:] == "div" else "%"
        width = node.width
        first, second = (operands.bits(x, stage, 0, width, named=True) for x in node.operands)
        if operation[0] == "s":
            return _resized(f"$signed({first.text}) {symbol} $signed({second.text})", width, bits)
        return _resized(f"{_unsigned(first)} {symbol} {_unsigned(second)}", width, bits)
    raise ValueError(f"{operation} is no expression")


def _is_subtraction(node: Node) -> bool:
    """It adds a small negative constant."""
    second = node.operands[1]
    value = second.value & mask(node.bits)
    return second.operation == "constant" and value > mask(node.bits) - 1024 and node.bits > 11


def _resized(text: str, width: int, bits: int) -> Expression:
    return Expression(text, atomic=False) if width == bits else Expression(f"{bits}'({text})")


def _unsigned(value: Expression) -> Expression:
    """Sign extensions are signed numbers to SystemVerilog."""
    if "$signed" not in value.text:
        return value
    return Expression(f"$unsigned({value.text})")


def _factor(node: Node, stage: int, most: int, operands: Operands) -> str:
    """A signed operand of a product of `most` bits, no wider than its value needs."""
    bits = min(most, node.bits + (0 if node.signed else 1))
    if node.operation == "constant":
        return f"{bits}'sh{signed(node.value, node.width) & mask(bits):x}"
    return f"$signed({operands.bits(node, stage, 0, bits).text})"


def _common_bits(node: Node) -> int:
    """Bits that hold both operands of a comparison, as signed numbers if one of them is."""
    first, second = node.operands
    if first.signed or second.signed:
        needed = max(x.bits + (0 if x.signed else 1) for x in (first, second))
    else:
        needed = max(first.bits, second.bits)
    return min(first.width, needed)


def _relation(node: Node, relation: str, is_signed: bool, stage: int, operands: Operands) -> str:
    mixed = any(x.signed for x in node.operands)
    equality = relation in ("eq", "ne")
    width = _common_bits(node) if is_signed or equality or not mixed else node.operands[0].width
    first, second = (operands.bits(x, stage, 0, width) for x in node.operands)
    symbol = _RELATIONS[relation]
    if equality:
        return f"{first} {symbol} {second}"
    if is_signed and (mixed or node.operands[0].width == 1):
        return f"$signed({first.text}) {symbol} $signed({second.text})"
    return f"{_unsigned(first)} {symbol} {_unsigned(second)}"


def _comparison(node: Node, stage: int, operands: Operands) -> Expression:
    operation = node.operation
    if operation in ("eq", "ne"):
        text = _relation(node, operation, False, stage, operands)
    else:
        text = _relation(node, operation[1:], operation[0] == "s", stage, operands)
    return Expression(text, atomic=False)


class _Named:
    """Operands that appear more than once in the text."""

    def __init__(self, operands: Operands) -> None:
        self._operands = operands

    def bits(self, node: Node, stage: int, low: int, width: int, named: bool = False) -> Expression:
        return self._operands.bits(node, stage, low, width, named=True)


def _extreme(node: Node, stage: int, operands: Operands) -> Expression:
    relation = "gt" if node.operation[1:] == "max" else "lt"
    named = _Named(operands)
    condition = _relation(node, relation, node.operation[0] == "s", stage, named)
    first, second = (named.bits(x, stage, 0, node.bits) for x in node.operands)
    return Expression(f"({condition}) ? {first} : {second}", atomic=False)


def _shift(node: Node, stage: int, operands: Operands) -> Expression:
    value, amount = node.operands
    count = operands.bits(amount, stage, 0, amount.width if amount.signed else amount.bits)
    if node.operation == "shl":
        shifted = operands.bits(value, stage, 0, node.bits)
        return Expression(f"{shifted} << {_unsigned(count)}", atomic=False)
    if node.operation == "ashr" and value.signed:
        width = max(node.bits, value.bits)
        shifted = operands.bits(value, stage, 0, width)
        return _resized(f"$signed({shifted.text}) >>> {_unsigned(count)}", width, node.bits)
    width = value.width if value.signed else max(node.bits, value.bits)
    shifted = operands.bits(value, stage, 0, width)
    return _resized(f"{_unsigned(shifted)} >> {_unsigned(count)}", width, node.bits)
