"""What a region does in which stage, and which values that takes."""

from collections.abc import Iterator

from ..graph import Node, Region
from ..schedule import ready_stage
from ..timing import is_stable
from .memories import Memories


class Needs:
    """Stages of a region's effects.

    Attributes:
        last: the last stage that does something. Straight-line code ends with it.
    """

    def __init__(self, region: Region, memories: Memories) -> None:
        self._region = region
        self._memories = memories
        self.last = max((stage for _, stage in self._effects()), default=0)
        if not region.pipelined:
            self.last = max([self.last, *(ready_stage(node) for node in region.nodes)], default=0)

    def update_stage(self, phi: Node) -> int:
        """When a phi takes its value for the next iteration."""
        return max(phi.stage, ready_stage(phi.operands[1]))

    def capture_stage(self, node: Node) -> int:
        """When a value that leaves the region is stored."""
        if not self._region.pipelined:
            return self.last
        return 0 if is_stable(node) else ready_stage(node)

    def leaving(self) -> Iterator[Node]:
        """Values that other regions will read."""
        yield from self._region.exports.values()
        for transition in self._region.transitions:
            yield from transition.assignments.values()

    def _effects(self) -> Iterator[tuple[Node, int]]:
        """Nodes with the stage in which they do something to state."""
        for node in self._region.effects:
            yield node, node.stage
        for phi in self._region.phis:
            yield phi, self.update_stage(phi)
        if self._region.pipelined:
            for node in self.leaving():
                yield node, self.capture_stage(node)

    def roots(self) -> Iterator[tuple[Node, int]]:
        """Values that effects, state and control take, and in which stage."""
        for node in self._region.effects:
            if node.operation == "read":
                yield node.operands[0], 0
            elif node.operation == "load":
                yield node.operands[1], node.stage
                if self.is_conditional(node):
                    yield node.operands[0], node.stage
            elif node.operation in ("write", "store"):
                for operand in node.operands:
                    yield operand, node.stage
                if node.operation == "write" and self.is_early(node.port):
                    yield node.operands[0], 0
        for phi in self._region.phis:
            yield phi.operands[1], self.update_stage(phi)
        decided = 0 if self._region.pipelined else self.last
        if self._region.proceed is not None:
            yield self._region.proceed, 0
        for transition in self._region.transitions:
            yield transition.condition, decided
        for node in self.leaving():
            yield node, self.capture_stage(node)

    def is_conditional(self, load: Node) -> bool:
        """The load's predicate chooses its address."""
        return self._memories.is_shared(load) and ready_stage(load.operands[0]) <= load.stage

    def writes(self, port: str) -> list[Node]:
        """All writes to a stream."""
        return [x for x in self._region.effects if x.operation == "write" and x.port == port]

    def is_early(self, port: str) -> bool:
        """Whether it writes is known when an iteration starts."""
        return all(ready_stage(node.operands[0]) == 0 for node in self.writes(port))

    def ports(self, operation: str) -> list[str]:
        """Streams with reads or writes."""
        return list(dict.fromkeys(x.port for x in self._region.effects if x.operation == operation))
