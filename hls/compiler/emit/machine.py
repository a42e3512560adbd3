"""The state machine of a process: one region after the other, and the registers between them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..graph import Node, Process, Region, Transition
from .expressions import literal
from .module import Module, Section, vector


@dataclass(frozen=True)
class _Exit:
    condition: str
    target: str | None


class Machine:
    """States and their changes.

    A straight-line region waits in its state until it starts and, if it takes several cycles, in
    another one until it has ended. A loop loads its state in one cycle, runs, and then waits
    until the pipeline is empty. With `always` there is one loop that never ends and no machine.
    """

    def __init__(self, module: Module, process: Process, always: bool) -> None:
        self._module = module
        self._process = process
        self._always = always
        self._exits: dict[str, list[_Exit]] = defaultdict(list)
        self._assignments: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._registers: dict[str, str] = {}
        self._state = ""
        self._running = ""
        self._names: dict[tuple[str, str], str] = {}
        if always:
            self._running = module.names.unique("running")
            return
        for name, register in process.registers.items():
            self._registers[name] = module.declare(name, register.width)
        self._state = module.names.unique("state")
        self._name("idle")

    def _name(self, region: str, part: str = "") -> str:
        """A state; states exist once they are named."""
        if (region, part) not in self._names:
            text = f"state_{region}_{part}" if part else f"state_{region}"
            self._names[region, part] = self._module.names.unique(text.upper())
        return self._names[region, part]

    def _is(self, region: str, part: str = "") -> str:
        return f"{self._state} == {self._name(region, part)}"

    # For the regions ----------------------------------------------------------------------------

    def signal(self, node: Node) -> str:
        """Name of a register or scalar argument."""
        if node.operation == "register":
            return self._registers[node.name]
        return self._module.argument(node.name)

    def running(self, region: Region) -> str:
        """Iterations may start."""
        return self._running or f"({self._is(region.name, 'run')})"

    def entering(self, region: Region) -> str:
        """A loop takes its initial state."""
        return self._is(region.name, "enter")

    def drained(self, region: Region) -> str:
        """A loop is being left; its last iteration has ended."""
        return f"{region.name}_done"

    def assign(self, register: str, condition: str, value: str) -> None:
        """A register takes a value when the condition holds."""
        self._assignments[register].append((condition, value))

    def leave(self, region: Region, transition: Transition, condition: str) -> None:
        """One way out of a region."""
        self._exits[region.name].append(_Exit(condition, transition.target))

    # Text ---------------------------------------------------------------------------------------

    def declarations(self, quiet_start: bool) -> Section:
        """The state, and what travels between regions.

        With `quiet_start` nothing happens before reset either.
        """
        section = Section("Regions and the values between them")
        if self._always:
            section.add(f"logic {self._running};  // reset is over")
            if quiet_start:
                section.add(f"initial {self._running} = 1'b0;")
            return section
        bits = (len(self._names) - 1).bit_length()
        for number, name in enumerate(self._names.values()):
            section.add(f"localparam logic [{bits - 1}:0] {name} = {bits}'d{number};")
        section.add(f"logic [{bits - 1}:0] {self._state};")
        if quiet_start:
            section.add(f"initial {self._state} = {self._name('idle')};")
        for name, register in self._process.registers.items():
            section.add(f"logic {vector(register.width)}{self._registers[name]};")
            self._module.register_bits += register.width
        for region in self._process.regions.values():
            if region.pipelined:
                section.add(f"wire {self.drained(region)};  // left, and nothing under way")
        return section

    def sections(
        self, regions: Mapping[str, tuple[str, str, str, int]], empty: str
    ) -> list[Section]:
        """The machine itself.

        `regions`: name -> (start of an iteration, vector of busy stages, whether the loop goes
        on, last stage). `empty`: all output queues are empty.
        """
        if self._always:
            section = Section("Reset")
            section.block("always_ff @(posedge clk)", [f"{self._running} <= rst_n;"])
            return [section]
        return [self._transfers(), self._steps(regions, empty)]

    def _transfers(self) -> Section:
        section = Section("Values between regions")
        statements, resets = [], []
        for name, assignments in self._assignments.items():
            for condition, value in assignments:
                statements.append(f"if ({condition}) {self._registers[name]} <= {value};")
        for name, register in self._process.registers.items():
            if register.initial is not None:
                start = literal(register.initial, register.width)
                resets.append(f"{self._registers[name]} <= {start};")
        if resets:
            statements += ["if (!rst_n) begin", *(f"    {x}" for x in resets), "end"]
        section.block("always_ff @(posedge clk)", statements)
        return section

    def _steps(self, regions: Mapping[str, tuple[str, str, str, int]], empty: str) -> Section:
        process, state = self._process, self._state
        section = Section("Order of the regions")
        idle = self._name("idle")
        cases: list[str] = []
        entry = f"{state} <= {self._entry(process.entry)};"
        cases.append(f"{idle}: {entry if process.free_running else f'if (ap_start) {entry}'}")
        for region in process.regions.values():
            fire, valid, proceeds, last = regions[region.name]
            leave = self._leave(region)
            run = self._name(region.name, "run")
            if region.pipelined:
                drain = self._name(region.name, "drain")
                busy = f" & ~|{valid}" if valid else ""
                section.add(
                    f"assign {self.drained(region)} = ({self._is(region.name, 'drain')}){busy};"
                )
                cases.append(f"{self._names[region.name, 'enter']}: {state} <= {run};")
                cases.append(f"{run}: if ({fire} & ~({proceeds})) {state} <= {drain};")
                cases += self._case(drain, self.drained(region), leave)
            elif last:
                wait = self._name(region.name, "wait")
                cases.append(f"{run}: if ({fire}) {state} <= {wait};")
                cases += self._case(wait, f"{valid}[{last}]", leave)
            else:
                cases += self._case(run, fire, leave)
        if ("finish", "") in self._names:
            wait = "" if process.free_running else f"if ({empty}) "
            cases.append(f"{self._name('finish')}: {wait}{state} <= {idle};")
        cases.append(f"default: {state} <= {idle};")
        section.block(
            "always_ff @(posedge clk)",
            [
                f"if (!rst_n) {state} <= {idle};",
                f"else case ({state})",
                *(f"    {case}" for case in cases),
                "endcase",
            ],
        )
        if not process.free_running:
            section.add(f"assign ap_idle = {self._is('idle')};")
            section.add(f"assign ap_done = ({self._is('finish')}) & {empty};")
            section.add("assign ap_ready = ap_done;")
        return section

    def _entry(self, region: str | None) -> str:
        """The state that a transition leads to."""
        if region is None:
            return self._name("finish")
        part = "enter" if self._process.regions[region].pipelined else "run"
        return self._name(region, part)

    def _leave(self, region: Region) -> list[str]:
        exits = self._exits[region.name]
        lines = []
        for number, way in enumerate(exits):
            step = f"{self._state} <= {self._entry(way.target)};"
            if number == len(exits) - 1:
                lines.append(f"else {step}" if number else step)
            else:
                lines.append(f"{'else ' if number else ''}if ({way.condition}) {step}")
        return lines

    @staticmethod
    def _case(label: str, condition: str, steps: list[str]) -> list[str]:
        if len(steps) == 1:
            return [f"{label}: if ({condition}) {steps[0]}"]
        return [f"{label}: if ({condition}) begin", *(f"    {x}" for x in steps), "end"]
