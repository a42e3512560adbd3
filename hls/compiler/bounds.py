"""Bounds of what changes from iteration to iteration: phis, and registers between regions.

Everything starts out as impossible and grows until nothing changes. A value that would creep up
step by step is widened to the next constant that the program compares with, then to the next
power of two. A condition bounds what is chosen where it holds: of `i + 1` under `i != 63`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from . import ranges
from .draft import Draft
from .graph import Node, Register
from .ranges import Range
from .semantics import COMPARISONS, signed

_PATIENCE = 3
"""Rounds before widening, and rounds with thresholds before giving up."""

_DEEPEST = 6
"""Nodes that a condition is followed through."""

_OUTSIDE = frozenset(["argument", "read", "load", "call", "result", "not_empty", "not_full"])
"""Bounded where they are made."""


class Bounds:
    """The fixed point over all regions of a process; writes `low` and `high` of their nodes."""

    def __init__(self, drafts: Sequence[Draft], registers: Mapping[str, Register]) -> None:
        self._drafts = drafts
        self._orders = {draft.name: draft.nodes() for draft in drafts}
        self.registers: dict[str, Range] = {
            name: ranges.of_constant(register.initial, register.width)
            for name, register in registers.items()
            if register.initial is not None
        }
        self._widths = {name: register.width for name, register in registers.items()}
        self._known: set[int] = set()
        self._thresholds = _thresholds(node for order in self._orders.values() for node in order)
        self._rounds: dict[object, int] = {}

    def run(self) -> None:
        """Grow until nothing changes."""
        for name, order in self._orders.items():
            self._orders[name] = self._changing(order)
        changed = True
        while changed:
            changed = False
            for draft in self._drafts:
                changed |= self._visit(draft)

    def _changing(self, order: Sequence[Node]) -> list[Node]:
        """What depends on phis and registers; everything else is computed here, once."""
        changing: set[int] = set()
        for node in order:
            state = node.operation in ("phi", "register")
            if state or any(id(operand) in changing for operand in node.operands):
                changing.add(id(node))
            else:
                self._compute(node)
        return [node for node in order if id(node) in changing]

    def _visit(self, draft: Draft) -> bool:
        changed = False
        for node in self._orders[draft.name]:
            if node.operation == "phi":
                changed |= self._grow_phi(node, node.operands[0], None)
            else:
                self._compute(node)
        for node in self._orders[draft.name]:
            if node.operation == "phi":
                changed |= self._grow_phi(node, node.operands[1], draft.proceed)
        moves = [draft.exports, *(transition.assignments for transition in draft.transitions)]
        for move in moves:
            for name, node in move.items():
                changed |= self._grow_register(name, node)
        return changed

    def _compute(self, node: Node) -> None:
        operation = node.operation
        if operation in _OUTSIDE or operation in ("constant", "write", "store"):
            self._known.add(id(node))
        elif operation == "register":
            if node.name in self.registers:
                node.low, node.high = self.registers[node.name]
                self._known.add(id(node))
        elif operation == "select":
            self._select(node)
        elif all(id(operand) in self._known for operand in node.operands):
            bounds = ranges.of_operation(operation, node.width, node.operands, node.start)
            node.low, node.high = bounds
            self._known.add(id(node))

    def _select(self, node: Node) -> None:
        """The choices that are possible so far, each under its condition."""
        condition, *choices = node.operands
        found = [
            _assuming(choice, condition, holds, _DEEPEST)
            for choice, holds in zip(choices, (True, False), strict=True)
            if id(choice) in self._known
        ]
        bounds = [bound for bound in found if bound[0] <= bound[1]]
        if bounds:
            node.low, node.high = ranges.union(*bounds)
            self._known.add(id(node))

    def _grow_phi(self, phi: Node, source: Node, proceed: Node | None) -> bool:
        if id(source) not in self._known:
            return False
        bounds = source.low, source.high
        if proceed is not None:
            bounds = _assuming(source, proceed, True, _DEEPEST)
            if bounds[0] > bounds[1]:
                return False
        old = (phi.low, phi.high) if id(phi) in self._known else None
        new = self._widened(id(phi), old, bounds, phi.width)
        phi.low, phi.high = new
        self._known.add(id(phi))
        return new != old

    def _grow_register(self, name: str, node: Node) -> bool:
        if id(node) not in self._known:
            return False
        old = self.registers.get(name)
        new = self._widened(name, old, (node.low, node.high), self._widths[name])
        self.registers[name] = new
        return new != old

    def _widened(self, key: object, old: Range | None, bounds: Range, width: int) -> Range:
        if old is None:
            return bounds
        low, high = ranges.union(old, bounds)
        if (low, high) == old:
            return old
        rounds = self._rounds[key] = self._rounds.get(key, 0) + 1
        if rounds > _PATIENCE:
            if high > old[1]:
                high = self._above(high, rounds)
            if low < old[0]:
                low = self._below(low, rounds)
        return ranges.fit((low, high), width)

    def _above(self, high: int, rounds: int) -> int:
        if rounds <= 2 * _PATIENCE:
            position = bisect_left(self._thresholds, high)
            if position < len(self._thresholds):
                return self._thresholds[position]
        return (1 << max(high, 0).bit_length()) - 1 if rounds <= 3 * _PATIENCE else 1 << 4096

    def _below(self, low: int, rounds: int) -> int:
        if rounds <= 2 * _PATIENCE:
            position = bisect_right(self._thresholds, low) - 1
            if position >= 0:
                return self._thresholds[position]
        return -(1 << (-low).bit_length()) if rounds <= 3 * _PATIENCE else -(1 << 4096)


def _thresholds(nodes: Iterable[Node]) -> list[int]:
    """Constants that values are compared with, and their neighbours."""
    found = set()
    for node in nodes:
        if node.operation in COMPARISONS and node.operands[1].operation == "constant":
            constant = node.operands[1]
            for number in (constant.value, signed(constant.value, constant.width)):
                found |= {number - 1, number, number + 1}
    return sorted(found)


def _assuming(node: Node, condition: Node, holds: bool, depth: int) -> Range:
    """Bounds of a node where a condition has this truth value; empty where that cannot be."""
    bounds = node.low, node.high
    if depth == 0:
        return bounds
    if condition.operation == "not":
        return _assuming(node, condition.operands[0], not holds, depth)
    if condition.operation == ("and" if holds else "or"):
        for part in condition.operands:
            bounds = _intersection(bounds, _assuming(node, part, holds, depth - 1))
        return bounds
    if condition.operation in COMPARISONS and condition.operands[1].operation == "constant":
        if condition.operands[0] is node:
            return _compared(node, condition, holds)
        return _intersection(bounds, _through(node, condition, holds, depth))
    return bounds


def _through(node: Node, condition: Node, holds: bool, depth: int) -> Range:
    """The same for what is computed from the compared value by an addition or a resizing."""
    bounds = node.low, node.high
    operation = node.operation
    if operation == "add" and node.operands[1].operation == "constant":
        low, high = _assuming(node.operands[0], condition, holds, depth - 1)
        if low > high:
            return low, high
        addend = node.operands[1].low
        return ranges.fit((low + addend, high + addend), node.width)
    if operation in ("zext", "sext", "trunc") and node.width > 1:
        (source,) = node.operands
        if (source.low, source.high) != bounds:
            return bounds
        return _assuming(source, condition, holds, depth - 1)
    return bounds


def _compared(node: Node, condition: Node, holds: bool) -> Range:
    """Bounds of the left side of a comparison with a constant."""
    low, high = node.low, node.high
    operation = condition.operation
    constant = condition.operands[1]
    number = signed(constant.value, constant.width) if constant.width > 1 else constant.value
    if operation in ("eq", "ne"):
        if (operation == "eq") == holds:
            return _intersection((low, high), (number, number))
        return low + (low == number), high - (high == number)
    if operation[0] == "u":
        number = constant.value
        if low < 0:
            return low, high
    below = (operation[1] == "l") == holds
    strict = (operation[2] == "t") == holds
    if below:
        return low, min(high, number - strict)
    return max(low, number + strict), high


def _intersection(a: Range, b: Range) -> Range:
    return max(a[0], b[0]), min(a[1], b[1])
