"""Runs a process without hardware: streams are lists, iterations come one after the other.

Stages, latencies and initiation intervals are ignored. Comparing its outputs with the C
simulation proves everything up to the graph, and tells faults there from faults in the
generated text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .graph import ModuleFunction, Node, Process, Region
from .semantics import evaluate, mask

Functions = Mapping[str, ModuleFunction]


class _OutOfDataError(Exception):
    """A read found its stream empty."""


def call(function: ModuleFunction, inputs: Sequence[int], functions: Functions) -> int:
    """The packed results of a module function."""
    arguments = {node.name: value for node, value in zip(function.inputs, inputs, strict=True)}
    values: dict[int, int] = {}
    for node in function.region.nodes:
        if node.operation == "argument":
            values[node.index] = arguments[node.name]
        elif node.operation == "load":
            values[node.index] = _table(node, values[node.operands[1].index])
        else:
            values[node.index] = _pure(node, values, functions)
    packed = 0
    for node, result in zip(function.outputs, function.results, strict=True):
        packed |= (values[node.index] & mask(result.bits)) << result.start
    return packed


def _pure(node: Node, values: Mapping[int, int], functions: Functions) -> int:
    if node.operation == "constant":
        return node.value
    operands = [values[operand.index] for operand in node.operands]
    if node.operation == "call":
        return call(functions[node.callee], operands, functions)
    widths = [operand.width for operand in node.operands]
    return evaluate(node.operation, node.width, operands, widths, node.start)


def _table(node: Node, address: int) -> int:
    assert node.memory is not None and node.memory.initial is not None
    words = node.memory.initial[node.bank]
    return words[address] if address < len(words) else 0


class Interpreter:
    """A process with its state: registers and memories live from one run to the next.

    What the program leaves undefined reads as zero.
    """

    def __init__(self, process: Process, functions: Functions | None = None) -> None:
        self.process = process
        self._functions = functions or {}
        self._registers = {
            name: register.initial or 0 for name, register in process.registers.items()
        }
        self._memories: dict[str, list[list[int]]] = {}
        for name, storage in process.storages.items():
            banks = storage.initial or ((0,) * storage.depth,) * storage.banks
            self._memories[name] = [list(bank) for bank in banks]
        self._scalars: Mapping[str, int] = {}
        self._inputs: dict[str, list[int]] = {}
        self._taken: dict[str, int] = {}
        self._outputs: dict[str, list[int]] = {}

    def run(
        self,
        inputs: Mapping[str, Sequence[int]],
        scalars: Mapping[str, int] | None = None,
        most_idle: int = 1000,
    ) -> dict[str, list[int]]:
        """Output streams as lists of packed words.

        A free-running process stops at the first iteration that finds an input empty, that
        changes nothing, or after `most_idle` iterations without a stream access; any other one
        when it returns, and RuntimeError says that it waits for input forever.
        """
        self._scalars = scalars or {}
        self._inputs = {name: list(inputs.get(name, ())) for name in self.process.inputs}
        self._taken = dict.fromkeys(self.process.inputs, 0)
        self._outputs = {name: [] for name in self.process.outputs}
        target: str | None = self.process.entry
        try:
            while target is not None:
                target = self._run_region(self.process.regions[target], most_idle)
        except _OutOfDataError as exception:
            if not self.process.free_running:
                raise RuntimeError(f"{self.process.name}: stream {exception} is empty") from None
        return self._outputs

    @property
    def left(self) -> dict[str, int]:
        """Words of each input that were not read."""
        return {name: len(words) - self._taken[name] for name, words in self._inputs.items()}

    def _run_region(self, region: Region, most_idle: int) -> str | None:
        state: dict[int, int] | None = None
        idle = 0
        while True:
            iteration = self._iterate(region, state)
            values = iteration.values
            for name, node in region.exports.items():
                self._registers[name] = values[node.index]
            proceed = region.proceed is not None and values[region.proceed.index]
            if not region.pipelined or not proceed:
                return self._leave(region, values)
            before = state
            state = {phi.index: values[phi.operands[1].index] for phi in region.phis}
            idle = 0 if iteration.moves else idle + 1
            if idle > most_idle or (idle and state == before and not iteration.stored):
                raise _OutOfDataError("of every input")

    def _leave(self, region: Region, values: Mapping[int, int]) -> str | None:
        taken = [move for move in region.transitions if values[move.condition.index]]
        if len(taken) != 1:
            raise RuntimeError(f"{region.name}: {len(taken)} exits hold at once")
        assigned = {name: values[node.index] for name, node in taken[0].assignments.items()}
        self._registers |= assigned
        return taken[0].target

    def _iterate(self, region: Region, state: Mapping[int, int] | None) -> "_Iteration":
        """All values of one iteration; `state` are the phis, None on entry.

        Streams and memories change at its end: an iteration that finds no data leaves no trace.
        """
        iteration = _Iteration()
        for node in region.nodes:
            if node.operation == "phi" and state is not None:
                iteration.values[node.index] = state[node.index]
            elif node.operation == "phi":
                iteration.values[node.index] = iteration.values[node.operands[0].index]
            else:
                iteration.values[node.index] = self._compute(node, iteration)
        for port in iteration.reads:
            self._taken[port] += 1
        for port, value in iteration.writes:
            self._outputs[port].append(value)
        for (name, bank, address), value in iteration.stored.items():
            words = self._memories[name][bank]
            if address < len(words):
                words[address] = value
        return iteration

    def _compute(self, node: Node, iteration: "_Iteration") -> int:
        if node.operation == "argument":
            return self._scalars[node.name]
        if node.operation == "register":
            return self._registers[node.name]
        if node.operation == "not_empty":
            return int(self._taken[node.port] < len(self._inputs[node.port]))
        if node.operation == "not_full":
            return 1
        if node.operation in ("load", "store"):
            return self._access(node, iteration)
        if node.operation not in ("read", "write"):
            return _pure(node, iteration.values, self._functions)
        if not iteration.values[node.operands[0].index]:
            return 0
        if node.operation == "write":
            iteration.writes.append((node.port, iteration.values[node.operands[1].index]))
            return 0
        position = self._taken[node.port] + iteration.reads.count(node.port)
        if position >= len(self._inputs[node.port]):
            raise _OutOfDataError(node.port)
        iteration.reads.append(node.port)
        return self._inputs[node.port][position]

    def _access(self, node: Node, iteration: "_Iteration") -> int:
        """A load, which sees the stores before it, or a store."""
        assert node.memory is not None
        predicate, address, *data = (iteration.values[item.index] for item in node.operands)
        place = node.memory.name, node.bank, address
        if node.operation == "store":
            if predicate:
                iteration.stored[place] = data[0]
            return 0
        if place in iteration.stored:
            return iteration.stored[place]
        words = self._memories[node.memory.name][node.bank]
        return words[address] if address < len(words) else 0


@dataclass
class _Iteration:
    """What one pass has computed and wants to change."""

    values: dict[int, int] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    writes: list[tuple[str, int]] = field(default_factory=list)
    stored: dict[tuple[str, int, int], int] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        """A stream was accessed."""
        return bool(self.reads or self.writes)
