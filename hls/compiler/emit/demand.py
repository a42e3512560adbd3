"""In which stages each value is wanted, and which narrow parts of wide values travel alone."""

from collections import defaultdict
from collections.abc import Iterable

from ..graph import Node, Region
from ..schedule import ready_stage
from ..timing import is_stable, is_wiring

_NARROWING = frozenset(["slice", "trunc", "result", "lshr", "ashr"])


class Demand:
    """Stages and numbers of uses of the nodes of a region.

    Attributes:
        stages: node -> stages in which its value is used, never before it is ready.
        uses: node -> places in the text that name it.
        kept: wiring that is registered itself, because it is much narrower than what it is cut
            from. Other wiring is made again from registered operands wherever it is used.
    """

    def __init__(
        self, region: Region, roots: Iterable[tuple[Node, int]], in_function: bool
    ) -> None:
        self.stages: dict[Node, set[int]] = defaultdict(set)
        self.uses: dict[Node, int] = defaultdict(int)
        self.kept: set[Node] = set()
        self._in_function = in_function
        self._cuts: dict[Node, list[Node]] = defaultdict(list)
        for node, stage in roots:
            self._want(node, {stage}, 1)
        for node in reversed(region.nodes):
            self._resolve_cuts(node)
            if not self.stages.get(node) or is_stable(node, in_function):
                continue
            if not is_wiring(node):
                self._want_operands(node)
            elif node.operation in _NARROWING and not is_wiring(node.operands[0]):
                self._cuts[node.operands[0]].append(node)
            else:
                for operand in self._sources(node):
                    self._want(operand, self.stages[node], self.uses[node])

    def last(self, node: Node) -> int:
        """The last stage in which the value is used."""
        return max(self.stages[node])

    def _want(self, node: Node, stages: set[int], uses: int) -> None:
        if not is_stable(node, self._in_function):
            self.stages[node] |= stages
            self.uses[node] += uses

    def _want_operands(self, node: Node) -> None:
        """Operands of logic; those of effects and phis are roots."""
        if node.operation in ("phi", "read", "load", "argument", "not_empty", "not_full"):
            return
        for operand in node.operands:
            self._want(operand, {node.stage}, 1)

    @staticmethod
    def _sources(node: Node) -> list[Node]:
        shift = node.operation in ("shl", "lshr", "ashr")
        return node.operands[:1] if shift else node.operands

    def _resolve_cuts(self, source: Node) -> None:
        """Whether parts cut from `source` are registered, or `source` as a whole."""
        cuts = self._cuts.pop(source, [])
        if not cuts:
            return
        ready = ready_stage(source)
        whole = max(self.stages[source] | {ready})
        late = [cut for cut in cuts if self.last(cut) > whole]
        narrow = sum(cut.bits for cut in late) * 4 < source.bits * 3
        for cut in cuts:
            if cut in late and narrow and not is_stable(source, self._in_function):
                self.kept.add(cut)
                self._want(source, {ready}, 1)
            else:
                self._want(source, self.stages[cut], self.uses[cut])
