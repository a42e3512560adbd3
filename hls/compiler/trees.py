"""Chains of one associative operation, rebuilt as trees: early operands first.

An operand on the same recurrence as the result comes last, so that the cycle through it is one
operation long.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence

from .builder import GraphBuilder
from .graph import Node
from .recurrences import components
from .timing import LUT, arithmetic_delay, is_wiring, multiplier_latency

_ASSOCIATIVE = frozenset(["add", "and", "or", "xor", "smax", "smin", "umax", "umin"])
_REGISTERED = 10.0
"""Arrival, in ns, of what takes whole clock cycles: after all logic."""

_RECURRENT = 1e6
"""Arrival of an operand that must come last."""


class Trees:
    """The chains of one region: `nodes` in order, `roots` are used from outside."""

    def __init__(self, nodes: Sequence[Node], roots: Iterable[Node]) -> None:
        users = Counter(id(operand) for node in nodes for operand in node.operands)
        users.update(id(node) for node in roots)
        self._inner: set[int] = set()
        for node in nodes:
            for operand in node.operands if node.operation in _ASSOCIATIVE else ():
                same = operand.operation == node.operation and operand.width == node.width
                if same and users[id(operand)] == 1:
                    self._inner.add(id(operand))
        self._component = _cycles(nodes)

    def is_inner(self, node: Node) -> bool:
        """The node is part of a bigger tree and need not be made by itself."""
        return id(node) in self._inner

    def leaves(self, root: Node) -> list[tuple[Node, bool]]:
        """Operands of the tree under a root, each with whether it must come last."""
        if root.operation not in _ASSOCIATIVE:
            return []
        found = []
        cycle = self._component.get(id(root))
        todo = list(reversed(root.operands))
        while todo:
            node = todo.pop()
            if id(node) in self._inner:
                todo += reversed(node.operands)
            else:
                found.append((node, cycle is not None and self._component.get(id(node)) == cycle))
        return found


def _cycles(nodes: Sequence[Node]) -> dict[int, int]:
    """Node -> number of the recurrence that it is on."""
    sources = {node: node.operands for node in nodes}
    found: dict[int, int] = {}
    for number, component in enumerate(components(nodes, sources)):
        if len(component) > 1:
            found.update((id(node), number) for node in component)
    return found


class Arrivals:
    """Rough times at which the nodes of a builder are there, to balance trees by."""

    def __init__(self) -> None:
        self._times: dict[int, float] = {}

    def of(self, root: Node) -> float:
        """Nanoseconds of logic before the node."""
        todo = [root]
        while todo:
            node = todo[-1]
            if node.index in self._times:
                todo.pop()
                continue
            operands = [] if node.operation == "phi" else node.operands
            missing = [operand for operand in operands if operand.index not in self._times]
            if missing:
                todo += missing
                continue
            before = max((self._times[operand.index] for operand in operands), default=0.0)
            self._times[node.index] = before + _delay(node)
        return self._times[root.index]


def _delay(node: Node) -> float:
    operation = node.operation
    if operation in ("call", "load") or (operation == "mul" and multiplier_latency(node)):
        return _REGISTERED
    if is_wiring(node):
        return 0.0
    if operation in ("and", "or", "xor", "select"):
        return LUT / 2
    return arithmetic_delay(node)


def combine(
    builder: GraphBuilder, arrivals: Arrivals, root: Node, leaves: Sequence[tuple[Node, bool]]
) -> Node:
    """The tree of `root`'s operation over new leaves."""
    queue = [
        (arrivals.of(leaf) + _RECURRENT * late, number, leaf)
        for number, (leaf, late) in enumerate(leaves)
    ]
    heapq.heapify(queue)
    number = len(queue)
    while len(queue) > 1:
        first_time, _, first = heapq.heappop(queue)
        second_time, _, second = heapq.heappop(queue)
        last = len(queue) == 0
        node = builder.pure(
            root.operation,
            root.width,
            first,
            second,
            name=root.name if last else "",
            location=root.location,
        )
        time = max(first_time, second_time) + _delay(node)
        heapq.heappush(queue, (time, number, node))
        number += 1
    return queue[0][2]
