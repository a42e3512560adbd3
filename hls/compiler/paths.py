"""Under which condition each block of a region runs.

A region is acyclic once the back edges of its loop are cut. A block that is always reached from
its dominator shares the dominator's condition, so that diamonds leave no trace, and a phi
chooses by what was decided since its dominator.
"""

from collections.abc import Mapping, Sequence

from .builder import GraphBuilder
from .control import immediate_dominators, reverse_postorder
from .graph import Node

_END = ""
"""Stands for leaving the region, or for its next iteration."""


class Paths:
    """Conditions of the blocks of one region, made block by block in the given order.

    `order` is a reverse postorder, `successors` those of the whole function: what leads out of
    the region, or back to its first block, ends the path.
    """

    def __init__(
        self, builder: GraphBuilder, order: Sequence[str], successors: Mapping[str, Sequence[str]]
    ) -> None:
        self._builder = builder
        self._taken: dict[tuple[str, str], Node] = {}
        self._runs: dict[str, Node] = {}
        self._since: dict[str, Node] = {}
        members = set(order[1:])
        inside = {name: [x for x in successors[name] if x in members] for name in order}
        self._sources: dict[str, list[str]] = {name: [] for name in order}
        for name in order:
            for target in inside[name]:
                self._sources[target].append(name)
        self._dominator = immediate_dominators(order, self._sources)
        self._follower = _immediate_postdominators(order, inside, successors)

    def enter(self, block: str) -> Node:
        """The condition under which the block runs; its sources have been left already."""
        dominator = self._dominator[block]
        if dominator == block:
            self._since[block] = self._runs[block] = self._builder.constant(1, 1)
            return self._runs[block]
        if self._always_follows(block, dominator):
            since = self._builder.constant(1, 1)
        else:
            since = self._builder.any_of(
                *(self.arriving(source, block) for source in self._sources[block])
            )
        self._since[block] = since
        self._runs[block] = self._builder.all_of(self._runs[dominator], since)
        return self._runs[block]

    def leave(self, block: str, target: str, condition: Node) -> None:
        """The block goes to `target` under this condition."""
        self._taken[block, target] = condition

    def edge(self, source: str, target: str) -> Node:
        """Control goes from one block to the other."""
        return self._builder.all_of(self._runs[source], self._taken[source, target])

    def arriving(self, source: str, target: str) -> Node:
        """The same, given that the dominator of `target` runs."""
        dominator = self._dominator[target]
        condition = self._taken[source, target]
        while source != dominator:
            condition = self._builder.all_of(self._since[source], condition)
            source = self._dominator[source]
        return condition

    def _always_follows(self, block: str, dominator: str) -> bool:
        follower = self._follower[dominator]
        while follower not in (block, _END):
            follower = self._follower[follower]
        return follower == block


def _immediate_postdominators(
    order: Sequence[str],
    inside: Mapping[str, Sequence[str]],
    successors: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    backwards: dict[str, list[str]] = {_END: [], **{name: [] for name in order}}
    ends: dict[str, list[str]] = {_END: []}
    for name in order:
        leaves = not successors[name] or len(inside[name]) < len(successors[name])
        ends[name] = [*inside[name], *([_END] if leaves else [])]
        for target in ends[name]:
            backwards[target].append(name)
    return immediate_dominators(reverse_postorder(_END, backwards), ends)
