"""Stages: which clock cycle after an iteration's start computes each node.

As soon as possible, component by component: a cycle through the state of a loop (or through a
memory) is placed as a whole and must close within the initiation interval. Stage 0 is where
streams are read and where a loop decides to go on. Straight-line code is scheduled like one
iteration of a loop that has no next one.
"""

from collections.abc import Iterable, Mapping

from . import hazards
from .diagnostics import HlsError
from .graph import ModuleFunction, Node, Process, Region
from .ir import Location
from .placement import CycleTooLongError, Placement
from .recurrences import components, in_order
from .timing import CLOCK_TO_OUTPUT, Clock, multiplier_latency

_RELAXATIONS = (1.0, 1.15, 1.3, 1.5, 2.0, 3.0, float("inf"))
"""Factors on the clock budget that a recurrence is tried with, one after the other."""


def schedule_process(
    process: Process, functions: Mapping[str, ModuleFunction], clock: Clock
) -> None:
    """Write stages into every region.

    `functions` are already scheduled. Raises HlsError for what no clock frequency would make
    possible; what is only slow becomes a warning of its region.
    """
    for region in process.regions.values():
        _schedule_region(region, functions, clock)


def schedule_function(
    function: ModuleFunction,
    functions: Mapping[str, ModuleFunction],
    clock: Clock,
    register_inputs: bool | None = None,
) -> None:
    """Write stages, latency and delay into a module function.

    `register_inputs` gives it a register stage of its own behind its inputs, so that a value
    shared by many instances need not travel far in one cycle. By default functions that
    multiply in DSP blocks have it: the registers fit inside the blocks.
    """
    if register_inputs is None:
        register_inputs = any(
            node.operation == "mul" and multiplier_latency(node) for node in function.region.nodes
        )
    region = function.region
    _schedule_region(region, functions, clock, input_latency=int(register_inputs))
    function.latency = max((ready_stage(node) for node in function.outputs), default=0)
    last = [node for node in function.outputs if ready_stage(node) == function.latency]
    function.delay = max((node.delay for node in last), default=CLOCK_TO_OUTPUT)
    region.depth = function.latency + 1


def ready_stage(node: Node) -> int:
    """The first stage in which the value can be used."""
    return node.stage + node.latency


def _schedule_region(
    region: Region,
    functions: Mapping[str, ModuleFunction],
    clock: Clock,
    input_latency: int | None = None,
) -> None:
    hazards.check_streams(region)
    interval = max(1, region.interval) if region.pipelined else None
    attempts = [True, False] if hazards.shared_loads(region) else [False]
    for grouped in attempts:
        try:
            _Scheduler(region, functions, clock, interval, grouped, input_latency).run()
            return
        except HlsError:
            if grouped is attempts[-1]:
                raise


class _Scheduler:
    """One region, once."""

    def __init__(
        self,
        region: Region,
        functions: Mapping[str, ModuleFunction],
        clock: Clock,
        interval: int | None,
        grouped: bool,
        input_latency: int | None,
    ) -> None:
        self._region = region
        self._interval = interval
        self._budget = clock.budget
        self._constraints = hazards.constraints(region, interval, grouped)
        shared = {x for group in hazards.shared_loads(region) for x in group} if grouped else ()
        self._operands = {node: _operands(node, node in shared) for node in region.nodes}
        self._early = self._decisions()
        self._placement = Placement(
            functions,
            clock.budget,
            interval,
            self._operands,
            self._constraints,
            self._early,
            region.pipelined,
            input_latency,
        )

    def run(self) -> None:
        self._region.warnings = []
        for node in self._region.nodes:
            node.stage, node.delay, node.latency = -1, 0.0, 0
        forward = {node: list(operands) for node, operands in self._operands.items()}
        every = {node: list(operands) for node, operands in self._operands.items()}
        for constraint in self._constraints:
            every[constraint.after].append(constraint.before)
            if not constraint.back:
                forward[constraint.after].append(constraint.before)
        for component in components(self._region.nodes, every):
            ordered = in_order(component, forward)
            if len(component) == 1 and component[0] not in every[component[0]]:
                self._placement.place(ordered[0])
            else:
                self._place_recurrence(ordered)
        self._check_decisions()
        self._region.depth = 1 + max((self._end(node) for node in self._region.nodes), default=0)
        self._warn()

    def _place_recurrence(self, component: list[Node]) -> None:
        """Within the budget if that is possible, else as little over it as possible."""
        early = any(node in self._early for node in component)
        for factor in _RELAXATIONS:
            for delayed in (0,) if early else (0, 1):
                try:
                    self._placement.place_cycle(component, self._budget * factor, delayed)
                except CycleTooLongError:
                    continue
                return
        raise hazards.explain(component, self._interval or 1)

    # Decisions in stage 0 -------------------------------------------------------------------

    def _decided(self) -> Iterable[tuple[Node, Location | None, str, str]]:
        """Conditions that must be known in stage 0: node, place, rule, what it is."""
        region = self._region
        for node in region.effects:
            if node.operation == "read":
                what = f"whether to read stream {node.port}"
                yield node.operands[0], node.location, "late-read", what
        if not region.pipelined:
            return
        if region.proceed is not None:
            yield region.proceed, region.location, "late-exit", "whether the loop goes on"
        for transition in region.transitions:
            yield transition.condition, region.location, "late-exit", "where the loop ends"

    def _decisions(self) -> set[Node]:
        """What stage-0 conditions are computed from: it is never put off to a later stage."""
        early: set[Node] = set()
        todo = [node for node, *_ in self._decided()]
        while todo:
            node = todo.pop()
            if node in early:
                continue
            early.add(node)
            todo += self._operands[node]
            if node.operation == "phi" and self._interval == 1:
                todo.append(node.operands[1])
        return early

    def _check_decisions(self) -> None:
        for node, location, rule, what in self._decided():
            if ready_stage(node) > 0 and node.operation != "constant":
                raise HlsError(
                    rule,
                    f"{what} is known only {ready_stage(node)} cycles after the iteration "
                    "starts; it must follow from registers, counters and what streams deliver "
                    "in the same cycle",
                    node.location or location,
                )

    # Results --------------------------------------------------------------------------------

    def _end(self, node: Node) -> int:
        if node.operation == "phi":
            return max(ready_stage(node), ready_stage(node.operands[1]))
        return ready_stage(node)

    def _warn(self) -> None:
        """One sentence per source line whose logic is slower than the budget."""
        slowest: dict[Location | None, Node] = {}
        for node in self._region.nodes:
            known = slowest.get(node.location)
            if node.delay > self._budget and (known is None or node.delay > known.delay):
                slowest[node.location] = node
        for location, node in slowest.items():
            place = f"{location}: " if location else ""
            name = f" of {node.name}" if node.name else ""
            self._region.warnings.append(
                f"{place}the logic{name} takes an estimated {node.delay:.2f} ns of "
                f"{self._budget:.2f} ns in stage {ready_stage(node)}"
            )


def _operands(node: Node, shared: bool) -> list[Node]:
    """What must be known before the node is: not a phi's next value, not whether to read.

    Whether to load matters only where several loads share a port.
    """
    if node.operation in ("phi", "read"):
        return []
    if node.operation == "load" and not shared:
        return node.operands[1:]
    return node.operands
