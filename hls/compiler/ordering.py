"""An order in which the nodes of a region can be computed one after the other."""

from collections.abc import Iterable, Sequence

from .graph import Node

_LASTING = frozenset(["read", "write", "store"])
"""Effects that happen even if nobody uses their value."""


def in_order(roots: Iterable[Node], effects: Sequence[Node]) -> list[Node]:
    """The live nodes: phis first, then operands before users and memory accesses in order.

    `effects` is in program order. Live is what the roots, the lasting effects and the next
    values of live phis need.
    """
    roots = [*roots, *(node for node in effects if node.operation in _LASTING)]
    live = _live(roots)
    earlier = _memory_order([node for node in effects if node.index in live])
    phis = sorted((node for node in live.values() if node.operation == "phi"), key=_index)
    order = _Order(earlier)
    for phi in phis:
        order.visit(phi)
    for node in sorted(live.values(), key=_index):
        order.visit(node)
    return order.nodes


def _index(node: Node) -> int:
    return node.index


def _live(roots: Iterable[Node]) -> dict[int, Node]:
    live: dict[int, Node] = {}
    todo = list(roots)
    while todo:
        node = todo.pop()
        if node.index not in live:
            live[node.index] = node
            todo += node.operands
    return live


def _memory_order(effects: Iterable[Node]) -> dict[int, list[Node]]:
    """Node -> accesses of its bank that must come before it."""
    stores: dict[tuple[int, int], Node] = {}
    loads: dict[tuple[int, int], list[Node]] = {}
    earlier: dict[int, list[Node]] = {}
    for node in effects:
        if node.operation not in ("load", "store"):
            continue
        bank = id(node.memory), node.bank
        earlier[node.index] = [stores[bank]] if bank in stores else []
        if node.operation == "store":
            earlier[node.index] += loads.pop(bank, [])
            stores[bank] = node
        else:
            loads.setdefault(bank, []).append(node)
    return earlier


class _Order:
    """Depth-first: what a node needs goes before it; a phi needs only its initial value."""

    def __init__(self, earlier: dict[int, list[Node]]) -> None:
        self.nodes: list[Node] = []
        self._earlier = earlier
        self._done: set[int] = set()

    def _needs(self, node: Node) -> list[Node]:
        if node.operation == "phi":
            return node.operands[:1]
        return node.operands + self._earlier.get(node.index, [])

    def visit(self, root: Node) -> None:
        stack = [(root, False)]
        entered: set[int] = set()
        while stack:
            node, ready = stack.pop()
            if ready:
                self.nodes.append(node)
                self._done.add(node.index)
                entered.discard(node.index)
            elif node.index in entered:
                raise AssertionError(f"{node.operation} {node.name} depends on itself")
            elif node.index not in self._done:
                entered.add(node.index)
                stack.append((node, True))
                stack += [(need, False) for need in reversed(self._needs(node))]
