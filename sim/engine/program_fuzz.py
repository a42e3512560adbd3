"""`python -m m3vit.sim.engine.program_fuzz`: good and bad programs, none of which may do harm.

Whatever the bits, a program ends within its limits and with a code that its text allows, writes
only the lines that its instructions name, and leaves the engine usable: after each, a network
runs and equals the reference. Programs with defined results leave what the interpreter leaves.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.hls.isa import LINE_BYTES, STALLED, TOO_MANY_CYCLES, WRONG_ORDER
from m3vit.hls.registers import DONE, IDLE, REGISTERS, START
from m3vit.host.driver import EngineDriver, EngineError
from m3vit.host.program import Plan, build_plan
from m3vit.model.network import Network
from m3vit.model.reference import Reference, TaskRun
from m3vit.model.synthetic import NANO, random_image, random_model

from .campaign import begin, show_faults
from .exactness import unequal
from .interpreter import execute
from .library import EngineLibrary, Memory, Options, PortProtocolError
from .port import SimulatedPort
from .program_cases import Case, random_case
from .program_endings import possible_endings

STALL_LIMIT = 20_000
CYCLE_LIMIT = 100_000
PATIENCE = 8
"""Times as long a program may take that seems stuck: blocks of the largest matmuls in the queues
in front of the array are no activity that the watchdog sees."""

DRAIN_CYCLES = 20_000
"""More than the memory needs to answer what it owes."""

FIRST_LINE = 777
"""Of the arena in memory; what lies in front of it must not change, nor what lies behind."""

MEMORY_BYTES = 1 << 22
CHECK_START = 1 << 21
"""Of the other arena, in which the network runs."""

SMALL = replace(
    NANO, image_height=8, image_width=16, width=16, num_layers=2, moe_layers=[1], num_experts=3
)
"""Three tokens; runs after every program."""

LARGE_EVERY = 20
"""Programs, after which a network of 25 tokens and four layers runs."""


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        case: it.
        code: with which it ended. position: as STATUS has it.
        cycles: that it took.
        faults: what was wrong; empty if nothing was.
    """

    case: Case
    code: int
    position: int
    cycles: int
    faults: tuple[str, ...]


class Bench:
    """One simulated engine for many programs.

    Args:
        design: of the engine; its arena must hold the cases.
        seed: of the memory's stalls.
    """

    def __init__(self, design: DesignConfig, seed: int = 1) -> None:
        self.design = design
        options = Options(Memory(size=MEMORY_BYTES), seed=seed)
        self.library = EngineLibrary(Engine.compile(design), options)
        self._checks = {
            name: _Check(design, network) for name, network in (("small", SMALL), ("large", NANO))
        }

    def run(self, case: Case) -> Verdict:
        """Run a program; everything but the network afterwards.

        Raises:
            PortProtocolError: the engine did what AXI4 forbids.
        """
        library, arena = self.library, case.arena
        start = FIRST_LINE * LINE_BYTES
        for patience in (1, PATIENCE):
            library.memory[start : start + arena.size] = arena
            before = library.memory.copy()
            ends = self.start(case, patience)
            status, cycles = self.get("STATUS"), self.get("CYCLES")
            code, position = status & 0xFF, status >> 8
            if code != STALLED:
                break
        faults = [] if ends else ["it did not end"]
        if ends and self.get("CTRL") != DONE | IDLE:
            faults.append("the engine is not idle")
        faults += self._wrong_ending(case, code, position, cycles)
        faults += self._wrong_writes(case, before)
        if case.defined and code == 0:
            expected = arena.copy()
            execute(self.design, expected, case.line, case.instructions)
            if not np.array_equal(library.memory[start : start + arena.size], expected):
                faults.append("results differ from the interpreter's")
        return Verdict(case, code, position, cycles, tuple(faults))

    def start(self, case: Case, patience: int = 1) -> bool:
        """Start a program and wait; whether it has ended.

        Args:
            case: what runs, and is in memory.
            patience: by which the limits are multiplied.
        """
        self.prepare(case, patience)
        self.set("CTRL", START)
        return self.library.run_until_done(patience * CYCLE_LIMIT + DRAIN_CYCLES)

    def prepare(self, case: Case, patience: int = 1) -> None:
        """Set the registers and the memory's behaviour."""
        memory = self.library.options.memory
        self.library.configure(replace(case.memory, size=memory.size, base=memory.base))
        self.set("ARENA", memory.base + FIRST_LINE * LINE_BYTES)
        self.set("ARENA_LINES", case.arena.size // LINE_BYTES)
        self.set("PROGRAM", case.line)
        self.set("INSTRUCTIONS", case.instructions)
        self.set("STALL_LIMIT", patience * STALL_LIMIT)
        self.set("CYCLE_LIMIT", patience * CYCLE_LIMIT)

    def check(self, large: bool = False) -> list[str]:
        """Run a network; what is not equal to the reference.

        Raises:
            PortProtocolError: the engine did what AXI4 forbids.
        """
        self.set("CYCLE_LIMIT", 0)
        self.set("STALL_LIMIT", STALL_LIMIT)
        self.library.configure(self.library.options.memory)
        check = self._checks["large" if large else "small"]
        try:
            found = check.run(_Window(self.library, CHECK_START))
        except (EngineError, UserError) as error:
            return [f"the network afterwards: {error}"]
        return [f"the network afterwards: {what} differs" for what in found]

    def set(self, name: str, value: int) -> None:
        """Write a register."""
        for address, low, _ in REGISTERS[name].words():
            self.library.write_register(address, value >> low & 0xFFFFFFFF)

    def get(self, name: str) -> int:
        """Read a register."""
        words = REGISTERS[name].words()
        return sum(self.library.read_register(address) << low for address, low, _ in words)

    def close(self) -> None:
        """Free the engine's memory."""
        self.library.close()

    def _wrong_ending(self, case: Case, code: int, position: int, cycles: int) -> Iterator[str]:
        endings = possible_endings(self.design, case.arena, case.line, case.instructions)
        if code == TOO_MANY_CYCLES and cycles >= CYCLE_LIMIT and not case.defined:
            return
        if code not in endings.codes:
            yield f"it ended with code {code} at {position} and not one of {endings.codes}"
        elif 0 < code <= WRONG_ORDER and position != endings.position:
            yield f"code {code} is at {position} and not at {endings.position}"

    def _wrong_writes(self, case: Case, before: NDArray[np.uint8]) -> Iterator[str]:
        endings = possible_endings(self.design, case.arena, case.line, case.instructions)
        allowed = np.zeros(MEMORY_BYTES // LINE_BYTES, bool)
        end = FIRST_LINE + case.arena.size // LINE_BYTES
        for use in endings.writes:
            allowed[min(FIRST_LINE + use.line, end) : min(FIRST_LINE + use.end, end)] = True
        same = (self.library.memory == before).reshape(-1, LINE_BYTES).all(axis=1)
        wrong = np.flatnonzero(~same & ~allowed)
        if wrong.size:
            yield f"{wrong.size} lines were written from line {wrong[0] - FIRST_LINE} on"


class _Window(SimulatedPort):
    """A port to a part of the memory, from a place to its end."""

    def __init__(self, library: EngineLibrary, start: int) -> None:
        super().__init__(library)
        self.start = start

    @property
    def arena_address(self) -> int:
        return super().arena_address + self.start

    @property
    def arena_bytes(self) -> int:
        return super().arena_bytes - self.start

    def read(self, offset: int, count: int) -> bytes:
        return super().read(self.start + offset, count)

    def write(self, offset: int, content: bytes) -> None:
        super().write(self.start + offset, content)


class _Check:
    """A network with an image and what the reference says; its tasks take turns."""

    def __init__(self, design: DesignConfig, network: Network) -> None:
        self.design = design
        self.model = random_model(network, seed=2)
        self.pixels = random_image(network, seed=3)
        self.turn = 0

    @cached_property
    def plan(self) -> Plan:
        """Programs of the network."""
        return build_plan(self.model, self.design)

    @cached_property
    def expected(self) -> list[TaskRun]:
        """What each task gives."""
        reference = Reference(self.model)
        return [reference.run(self.pixels, task.name) for task in self.model.tasks]

    def run(self, port: SimulatedPort) -> list[str]:
        """What differs."""
        expected = self.expected[self.turn % len(self.expected)]
        self.turn += 1
        driver = EngineDriver(port, self.plan, timeout=600)
        return list(unequal(driver.run(self.pixels, expected.task), expected))


def verdicts(design: DesignConfig, seeds: range) -> Iterator[Verdict]:
    """Every case in turn, and the network behind it."""
    bench = Bench(design, seed=seeds.start)
    for number, seed in enumerate(seeds):
        case = random_case(design, seed)
        assert FIRST_LINE * LINE_BYTES + case.arena.size <= CHECK_START
        try:
            verdict = bench.run(case)
            after = bench.check(large=number % LARGE_EVERY == LARGE_EVERY - 1)
        except PortProtocolError as error:
            yield Verdict(case, 0, 0, 0, (str(error),))
            return
        yield replace(verdict, faults=(*verdict.faults, *after))
        if "it did not end" in verdict.faults:
            return
    bench.close()


def main() -> int:
    """Run a campaign; 0 if no program did harm, 1 if one did, 2 for a mistake."""
    design, seeds, console = begin("m3vit.sim.engine.program_fuzz", __doc__, "programs", 500)
    found = []
    try:
        runs = verdicts(DesignConfig.load(design), seeds)
        for verdict in track(runs, "programs", total=len(seeds), console=console):
            found.append(verdict)
            show_faults(console, verdict.case, verdict.faults)
    except UserError as mistake:
        console.print(str(mistake), markup=False)
        return 2
    return _summary(found, len(seeds))


def _summary(found: list[Verdict], wanted: int) -> int:
    """Say what came out; the exit code."""
    failed = sum(bool(verdict.faults) for verdict in found)
    codes = Counter(verdict.code for verdict in found)
    equal = sum(
        verdict.case.defined and verdict.code == 0 and not verdict.faults for verdict in found
    )
    cycles = sum(verdict.cycles for verdict in found)
    endings = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
    sys.stdout.write(
        f"{len(found)} programs, {failed} with faults; {equal} left what the interpreter leaves; "
        f"codes {endings}; {cycles} cycles\n"
    )
    return int(failed > 0 or len(found) < wanted)


if __name__ == "__main__":
    sys.exit(main())
