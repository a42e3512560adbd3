"""Making a region anew, knowing more about it than when it was first made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .builder import GraphBuilder
from .draft import Draft
from .graph import Node, Register, Transition
from .trees import Arrivals, Trees, combine

Known = dict[str, int | None]
"""Register -> the one value that it has; None where it can have several."""


def rewrite(draft: Draft, registers: Mapping[str, Register], known: Known) -> Draft:
    """The draft with new bounds of phis and registers, known registers and balanced trees.

    The bounds of phis are those that `Bounds` left in the old nodes. A register that is not in
    `known` has never been assigned.
    """
    return _Rewriter(draft, registers, known).run()


class _Rewriter:
    def __init__(self, draft: Draft, registers: Mapping[str, Register], known: Known) -> None:
        self._draft = draft
        self._registers = registers
        self._known = known
        self._builder = GraphBuilder()
        self._new: dict[int, Node] = {}
        self._nodes = draft.nodes()
        self._trees = Trees(self._nodes, draft.roots())
        self._arrivals = Arrivals()

    def run(self) -> Draft:
        for node in self._nodes:
            if not self._trees.is_inner(node):
                self._new[id(node)] = self._copy(node)
        for node in self._nodes:
            if node.operation == "phi" and _changes(node):
                self._builder.set_next(self._moved(node), self._moved(node.operands[1]))
        draft = self._draft
        return replace(
            draft,
            builder=self._builder,
            proceed=None if draft.proceed is None else self._moved(draft.proceed),
            transitions=[
                Transition(
                    self._moved(item.condition), item.target, self._all_moved(item.assignments)
                )
                for item in draft.transitions
            ],
            exports=self._all_moved(draft.exports),
            outputs=[self._moved(node) for node in draft.outputs],
        )

    def _moved(self, node: Node) -> Node:
        return self._new[id(node)]

    def _all_moved(self, nodes: Mapping[str, Node]) -> dict[str, Node]:
        return {name: self._moved(node) for name, node in nodes.items()}

    def _copy(self, node: Node) -> Node:
        builder = self._builder
        bounds = node.low, node.high
        if node.operation == "constant":
            if self._draft.builder.is_undefined(node):
                return builder.undefined(node.width)
            return builder.constant(node.value, node.width)
        if node.operation == "argument":
            return builder.argument(node.name, node.width, bounds, node.location)
        if node.operation == "register":
            return self._register(node)
        if node.operation == "phi":
            return self._phi(node)
        leaves = self._trees.leaves(node)
        if len(leaves) > 2:
            moved = [(self._moved(leaf), last) for leaf, last in leaves]
            return builder.wires.flat(combine(builder, self._arrivals, node, moved))
        operands = [self._moved(operand) for operand in node.operands]
        if node.order >= 0:
            return self._effect(node, operands)
        if node.operation in ("call", "result"):
            return builder.node(
                node.operation,
                node.width,
                tuple(operands),
                start=node.start,
                callee=node.callee,
                name=node.name,
                bounds=bounds,
                location=node.location,
            )
        made = builder.pure(
            node.operation,
            node.width,
            *operands,
            start=node.start,
            name=node.name,
            location=node.location,
            implementation=node.implementation,
        )
        return builder.wires.flat(made)

    def _register(self, node: Node) -> Node:
        if node.name not in self._known:
            return self._builder.undefined(node.width)
        value = self._known[node.name]
        if value is not None:
            return self._builder.constant(value, node.width)
        return self._builder.register(self._registers[node.name])

    def _phi(self, node: Node) -> Node:
        if node.low == node.high:
            return self._builder.constant(node.low, node.width)
        initial = self._moved(node.operands[0])
        if not _changes(node):
            return initial
        return self._builder.phi(initial, node.name, (node.low, node.high), node.location)

    def _effect(self, node: Node, operands: Sequence[Node]) -> Node:
        return self._builder.effect(
            node.operation,
            node.width,
            *operands,
            port=node.port,
            memory=node.memory,
            bank=node.bank,
            name=node.name,
            location=node.location,
            bounds=(node.low, node.high),
        )


def _changes(phi: Node) -> bool:
    """The phi is state: not the same in every iteration."""
    initial, following = phi.operands
    return following is not phi and following is not initial and phi.low != phi.high
