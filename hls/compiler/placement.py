"""Placing nodes: the earliest stage that operands, clock budget and memory ports allow."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from .diagnostics import HlsError
from .graph import ModuleFunction, Node
from .hazards import Constraint
from .predicates import exclusive
from .timing import (
    CLOCK_TO_OUTPUT,
    CREDIT,
    DSP_NARROW,
    DSP_WIDE,
    INPUT_DATA,
    INPUT_VALID,
    LogicCones,
    arithmetic_delay,
    is_stable,
    is_wiring,
    load_delay,
    multiplier_latency,
    signed_bits,
)

_PORT_DELAYS = {"read": INPUT_DATA, "not_empty": INPUT_VALID, "not_full": CREDIT}

_SETUP = 0.75
"""Share of the budget after which a value is registered before it meets a memory or FIFO."""


class CycleTooLongError(Exception):
    """A cycle does not close within the initiation interval."""


class Placement:
    """The stages given so far.

    `early` nodes are never put off to the next stage for the clock's sake. `input_latency` is
    that of a module function's arguments, None in a process.
    """

    def __init__(
        self,
        functions: Mapping[str, ModuleFunction],
        budget: float,
        interval: int | None,
        operands: Mapping[Node, Sequence[Node]],
        constraints: Sequence[Constraint],
        early: set[Node],
        pipelined: bool,
        input_latency: int | None,
    ) -> None:
        self._functions = functions
        self._normal_budget = self._budget = budget
        self._interval = interval
        self._operands = operands
        self._early = early
        self._input_latency = input_latency or 0
        self._in_function = input_latency is not None
        self._first_write = 1 if pipelined else 0
        self._cones = LogicCones()
        self._incoming: dict[Node, list[Constraint]] = defaultdict(list)
        for constraint in constraints:
            self._incoming[constraint.after].append(constraint)
        self._ports: dict[tuple[str, int, str], dict[int, list[Node]]] = defaultdict(dict)
        self._floor: dict[Node, int] = {}

    def place_cycle(self, component: Sequence[Node], budget: float, delayed: int) -> None:
        """Place nodes that depend on each other through the next iteration.

        Their stages are raised until every backward constraint holds. That ends, or it never
        does: after as many rounds as there are such constraints nothing may move any more.
        `delayed` starts the cycle so many stages after its inputs are there.
        """
        members = set(component)
        backward = [
            constraint
            for node in component
            for constraint in self._incoming[node]
            if constraint.back and constraint.before in members
        ]
        start = 0
        for node in component if self._interval == 1 else ():
            outside = [
                x for x in self._operands[node] if x not in members and not self._is_stable(x)
            ]
            start = max([start, *(x.stage + x.latency for x in outside)])
        self._budget = budget
        self._floor = {node: start + delayed for node in component if node.operation == "phi"}
        if not self._floor:
            self._floor = dict.fromkeys(component, start + delayed)
        for node in component:
            self._release(node)
            node.stage = -1
        try:
            for _ in range(len(backward) + 2):
                for node in component:
                    self._release(node)
                    self.place(node, members)
                if not self._raise_floors(backward):
                    return
        finally:
            self._budget = self._normal_budget
            self._floor = {}
        raise CycleTooLongError

    def _raise_floors(self, backward: Sequence[Constraint]) -> bool:
        moved = False
        for constraint in backward:
            least = _base(constraint) + constraint.gap
            if least > constraint.after.stage:
                self._floor[constraint.after] = least
                moved = True
        return moved

    def place(self, node: Node, cycle: set[Node] | None = None) -> None:
        """Write stage, latency and delay. Nodes of `cycle` are not all placed yet."""
        operands = [operand for operand in self._operands[node] if not self._is_stable(operand)]
        stage = max([self._floor.get(node, 0), *(x.stage + x.latency for x in operands)])
        for constraint in self._incoming[node]:
            if cycle is None or constraint.before not in cycle or not constraint.back:
                stage = max(stage, _base(constraint) + constraint.gap)
        node.latency = 0
        if self._is_stable(node):
            node.stage = 0
            node.delay = 0.0 if node.operation == "constant" else CLOCK_TO_OUTPUT
        elif node.operation == "argument":
            node.stage, node.latency, node.delay = 0, self._input_latency, CLOCK_TO_OUTPUT
        elif node.operation in _PORT_DELAYS:
            node.stage = 0
            node.delay = _PORT_DELAYS[node.operation]
        elif node.operation == "phi":
            node.stage, node.delay = stage, CLOCK_TO_OUTPUT
        elif node.operation == "load":
            self._place_load(node, stage)
        elif node.operation in ("store", "write"):
            self._place_effect(node, stage)
        elif node.operation == "call":
            function = self._functions[node.callee]
            registered = any(argument.latency for argument in function.inputs)
            share = 1.0 if registered else 0.0
            self._place_operator(node, stage, function.latency, function.delay, share)
        elif node.operation == "mul" and multiplier_latency(node):
            _check_shape(node)
            self._place_operator(node, stage, multiplier_latency(node), CLOCK_TO_OUTPUT, 0.0)
        else:
            self._place_logic(node, stage)

    def _is_stable(self, node: Node) -> bool:
        return is_stable(node, self._in_function)

    # Kinds of nodes -----------------------------------------------------------------------------

    def _arrival(self, node: Node, stage: int) -> float:
        """When the last operand is there, in ns after the clock edge that starts `stage`."""
        return max((self._time(x, stage) for x in self._operands[node]), default=CLOCK_TO_OUTPUT)

    def _time(self, node: Node, stage: int) -> float:
        if node.operation == "constant":
            return 0.0
        if self._is_stable(node) or node.stage + node.latency < stage:
            return CLOCK_TO_OUTPUT
        return node.delay

    def _place_logic(self, node: Node, stage: int) -> None:
        node.stage, node.delay = stage, self._logic_delay(node, stage)
        if is_wiring(node) or node in self._early:
            return
        late = self._arrival(node, stage) > CLOCK_TO_OUTPUT
        if node.delay > self._budget and late:
            node.stage, node.delay = stage + 1, self._logic_delay(node, stage + 1)

    def _logic_delay(self, node: Node, stage: int) -> float:
        arrival = self._arrival(node, stage)
        if is_wiring(node):
            return arrival
        if LogicCones.covers(node):
            return self._cones.arrival(node, stage, lambda leaf: self._time(leaf, stage))
        return arrival + arithmetic_delay(node)

    def _place_operator(
        self, node: Node, stage: int, latency: int, delay: float, share: float
    ) -> None:
        """A unit with registers inside; its operands arrive within a share of the budget."""
        arrival = self._arrival(node, stage)
        combinational = arrival + delay if latency == 0 else arrival
        limit = self._budget if latency == 0 else max(CLOCK_TO_OUTPUT, share * self._budget)
        if combinational > limit and arrival > CLOCK_TO_OUTPUT and node not in self._early:
            stage, arrival = stage + 1, CLOCK_TO_OUTPUT
        node.stage, node.latency = stage, latency
        node.delay = delay if latency else arrival + delay - CLOCK_TO_OUTPUT

    def _place_load(self, node: Node, stage: int) -> None:
        storage = node.memory
        if storage is None:
            raise ValueError(f"load {node.name} has no memory")
        arrival = self._time(node.operands[1], stage)
        delay = load_delay(storage)
        limit = self._budget * _SETUP if storage.read_latency else self._budget - delay
        if arrival > max(limit, CLOCK_TO_OUTPUT) and node not in self._early:
            stage, arrival = stage + 1, CLOCK_TO_OUTPUT
        node.stage = self._reserve(node, stage)
        if node.stage > stage:
            arrival = CLOCK_TO_OUTPUT
        node.latency = storage.read_latency
        node.delay = delay if node.latency else arrival + delay

    def _place_effect(self, node: Node, stage: int) -> None:
        if node.operation == "write":
            stage = max(stage, self._first_write)
        arrival = self._arrival(node, stage)
        if arrival > self._budget * _SETUP:
            stage += 1
        node.stage = self._reserve(node, stage) if node.operation == "store" else stage
        node.delay = CLOCK_TO_OUTPUT

    # Memory ports -------------------------------------------------------------------------------

    def _reserve(self, node: Node, stage: int) -> int:
        """The first stage from `stage` on with a free port.

        With an interval of 1 all loads have ports of their own and stores share one stage.
        Otherwise a port serves one access per cycle of the interval, or of the whole pass.
        """
        storage = node.memory
        if storage is None or self._interval == 1 or storage.kind in ("register", "rom"):
            return stage
        taken = self._ports[storage.name, node.bank, node.operation]
        last = stage + (self._interval or 1 << 30)
        for candidate in range(stage, last):
            slot = candidate % self._interval if self._interval else candidate
            holders = taken.setdefault(slot, [])
            if all(self._may_share(node, candidate, holder) for holder in holders):
                holders.append(node)
                return candidate
        if node.operation == "load":
            return stage
        raise HlsError(
            "memory-ports",
            f"{storage.memory.name} is written more often in one iteration than its initiation "
            f"interval of {self._interval} allows; partition the array, or raise II",
            node.location,
        )

    @staticmethod
    def _may_share(node: Node, stage: int, holder: Node) -> bool:
        if node.operation == "load" or holder.stage != stage:
            return False
        return exclusive(node.operands[0], holder.operands[0])

    def _release(self, node: Node) -> None:
        if node.memory is None:
            return
        for holders in self._ports[node.memory.name, node.bank, node.operation].values():
            if node in holders:
                holders.remove(node)


def _base(constraint: Constraint) -> int:
    before = constraint.before
    return before.stage + (before.latency if constraint.ready else 0)


def _check_shape(node: Node) -> None:
    """`BIND_OP ... impl=dsp` promises one block per product."""
    widths = sorted((signed_bits(operand) for operand in node.operands), reverse=True)
    if node.implementation == "dsp" and (widths[0] > DSP_WIDE or widths[1] > DSP_NARROW):
        raise HlsError(
            "dsp-width",
            f"a product of {widths[0]} by {widths[1]} bits (signed) does not fit one DSP block "
            f"of {DSP_WIDE} by {DSP_NARROW}; narrow the factors, or leave out BIND_OP",
            node.location,
        )
