"""A region while it is made: its nodes still grow, its exits are still changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .builder import GraphBuilder
from .graph import Node, Region, Transition
from .ir import Location
from .ordering import in_order


@dataclass(eq=False)
class Draft:
    """Attributes as those of `graph.Region`; `outputs` are the results of a module function."""

    name: str
    pipelined: bool
    interval: int
    builder: GraphBuilder
    proceed: Node | None = None
    transitions: list[Transition] = field(default_factory=list)
    exports: dict[str, Node] = field(default_factory=dict)
    outputs: list[Node] = field(default_factory=list)
    location: Location | None = None

    def roots(self) -> Iterator[Node]:
        """What is needed although no effect asks for it."""
        if self.proceed is not None:
            yield self.proceed
        for transition in self.transitions:
            yield transition.condition
            yield from transition.assignments.values()
        yield from self.exports.values()
        yield from self.outputs

    def nodes(self) -> list[Node]:
        """Live nodes, operands before users."""
        return in_order(self.roots(), self.builder.effects)

    def finish(self) -> Region:
        """The region."""
        return self.builder.region(
            self.name,
            pipelined=self.pipelined,
            interval=self.interval,
            proceed=self.proceed,
            transitions=self.transitions,
            exports=self.exports,
            outputs=self.outputs,
            location=self.location,
        )
