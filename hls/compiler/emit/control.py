"""One region: when an iteration starts, and what it does to state in which stage."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..graph import ModuleFunction, Node, Region, Register
from ..schedule import ready_stage
from ..timing import is_stable
from .datapath import Datapath
from .expressions import literal
from .machine import Machine
from .memories import Memories, Write, address_bits, storage_of
from .module import Module, Section, guarded, vector, with_reset
from .streams import Streams


class RegionText:
    """Everything about a region but its place in the state machine.

    `always` is a loop that starts with reset and never ends; it needs no state machine.
    """

    def __init__(
        self,
        module: Module,
        region: Region,
        functions: Mapping[str, ModuleFunction],
        registers: Mapping[str, Register],
        streams: Streams,
        memories: Memories,
        machine: Machine,
        initial: Mapping[Node, int] | None,
    ) -> None:
        self.region = region
        self._module = module
        self._registers = registers
        self._streams = streams
        self._memories = memories
        self._machine = machine
        self._initial = initial
        self._prefix = "" if initial is not None else f"{region.name}_"
        self._phis = {
            phi: module.declare(phi.name or f"{self._prefix}state", phi.bits) for phi in region.phis
        }
        self.last = max((stage for _, stage in self._effects()), default=0)
        if not region.pipelined:
            self.last = max([self.last, *(ready_stage(node) for node in region.nodes)], default=0)
        self._fire = module.names.unique(f"{self._prefix}fire")
        self._valid = module.names.unique(f"{self._prefix}valid") if self.last else ""
        self._phase = module.names.unique(f"{self._prefix}phase") if self._interval > 1 else ""
        self._enabled: dict[int, int] = defaultdict(int)
        title = "" if initial is not None else f"{region.name}: "
        self._title = title
        self._path = Datapath(module, region, functions, self, list(self._roots()), prefix=title)
        self._captured: list[tuple[int, str, str]] = []

    @property
    def _interval(self) -> int:
        return max(1, self.region.interval) if self.region.pipelined else 1

    @property
    def enabled_bits(self) -> Mapping[int, int]:
        """Stage -> register bits that its valid bit enables."""
        return self._enabled

    def signal(self, node: Node) -> str:
        """Names of what the datapath does not compute (`datapath.Sources`)."""
        if node.operation == "phi":
            return self._phis[node]
        if node.operation == "read":
            return f"{node.port}_data"
        if node.operation == "not_empty":
            self._streams.valid(node.port)
            return f"{node.port}_valid"
        if node.operation == "not_full":
            return self._module.watch(self._streams.room(node.port), 1)
        if node.operation == "load":
            return self._memories.signal(node)
        return self._machine.signal(node)

    # What is needed when ------------------------------------------------------------------------

    def _update_stage(self, phi: Node) -> int:
        return max(phi.stage, ready_stage(phi.operands[1]))

    def _capture_stage(self, node: Node) -> int:
        """When a value that leaves the region is stored."""
        if not self.region.pipelined:
            return self.last
        return 0 if is_stable(node) else ready_stage(node)

    def _leaving(self) -> Iterator[Node]:
        """Values that other regions will read."""
        yield from self.region.exports.values()
        for transition in self.region.transitions:
            yield from transition.assignments.values()

    def _effects(self) -> Iterator[tuple[Node, int]]:
        """Nodes with the stage in which they do something to state."""
        for node in self.region.effects:
            yield node, node.stage
        for phi in self.region.phis:
            yield phi, self._update_stage(phi)
        if self.region.pipelined:
            for node in self._leaving():
                yield node, self._capture_stage(node)

    def _roots(self) -> Iterator[tuple[Node, int]]:
        for node in self.region.effects:
            if node.operation == "read":
                yield node.operands[0], 0
            elif node.operation == "load":
                yield node.operands[1], node.stage
                if self._is_conditional(node):
                    yield node.operands[0], node.stage
            elif node.operation in ("write", "store"):
                for operand in node.operands:
                    yield operand, node.stage
                if node.operation == "write" and self._is_early(node.port):
                    yield node.operands[0], 0
        for phi in self.region.phis:
            yield phi.operands[1], self._update_stage(phi)
        decided = 0 if self.region.pipelined else self.last
        if self.region.proceed is not None:
            yield self.region.proceed, 0
        for transition in self.region.transitions:
            yield transition.condition, decided
        for node in self._leaving():
            yield node, self._capture_stage(node)

    def _is_conditional(self, load: Node) -> bool:
        """The load's predicate chooses its address."""
        return self._memories.is_shared(load) and ready_stage(load.operands[0]) <= load.stage

    def _writes(self, port: str) -> list[Node]:
        return [x for x in self.region.effects if x.operation == "write" and x.port == port]

    def _is_early(self, port: str) -> bool:
        """Whether it writes is known when an iteration starts."""
        return all(ready_stage(node.operands[0]) == 0 for node in self._writes(port))

    def _ports(self, operation: str) -> list[str]:
        return list(dict.fromkeys(x.port for x in self.region.effects if x.operation == operation))

    # Text ---------------------------------------------------------------------------------------

    def declarations(self) -> Section:
        """Registers and signals that are used before the stage that makes them."""
        section = Section(f"{self._title}State")
        section.add(f"wire {self._fire};  // an iteration starts")
        if self._valid:
            section.add(
                f"logic [{self.last}:1] {self._valid};  // stages with an iteration in them"
            )
            if self._memories.have_contents():
                section.add(f"initial {self._valid} = '0;")
        if self._phase:
            bits = (self._interval - 1).bit_length()
            section.add(f"logic {vector(bits)}{self._phase};  // iterations start when it is 0")
        for phi, name in self._phis.items():
            section.add(f"logic {vector(phi.bits)}{name};", phi.location)
        return section

    def sections(self) -> list[Section]:
        """Stages, the start of an iteration, and state."""
        start = self._start()
        for node in self.region.effects:
            if node.operation == "load":
                self._load(node)
            elif node.operation == "store":
                self._store(node)
        for port in self._ports("write"):
            self._write(port)
        sections = [self._path.sections[0], start, *self._path.sections[1:], self._state()]
        self._leave()
        if self._captured:
            sections.append(self._captures())
        return sections

    def _enable(self, stage: int) -> str:
        return f"{self._valid}[{stage}]" if stage else self._fire

    def _when(self, stage: int, predicate: Node) -> str:
        """An iteration in this stage for which the predicate holds."""
        enable = self._enable(stage)
        if predicate.operation == "constant" and predicate.value:
            return enable
        return f"{enable} & {self._path.bits(predicate, stage, 0, 1, named=True)}"

    def _wanted(self, section: Section, port: str, suffix: str, nodes: list[Node]) -> str:
        """A signal: one of the accesses will happen; "" if that is certain."""
        predicates = [node.operands[0] for node in nodes]
        if any(x.operation == "constant" and x.value for x in predicates):
            return ""
        text = " | ".join(str(self._path.bits(x, 0, 0, 1)) for x in predicates)
        if text.isidentifier():
            return text
        name = self._module.names.unique(f"{self._prefix}{port}_{suffix}")
        section.add(f"wire {name} = {text};", nodes[0].location)
        return name

    def _start(self) -> Section:
        """When an iteration may enter stage 0."""
        section = Section(f"{self._title}Start of an iteration")
        conditions = [self._machine.running(self.region)]
        if self._phase:
            bits = (self._interval - 1).bit_length()
            conditions.append(f"({self._phase} == {bits}'d0)")
        for port in self._ports("read"):
            reads = [x for x in self.region.effects if x.operation == "read" and x.port == port]
            wanted = self._wanted(section, port, "wanted", reads)
            valid = self._streams.valid(port)
            conditions.append(f"(~{wanted} | {valid})" if wanted else valid)
            self._streams.take(port, f"{self._fire} & {wanted}" if wanted else self._fire)
        for port in self._ports("write"):
            early = self._is_early(port)
            wanted = self._wanted(section, port, "written", self._writes(port)) if early else ""
            room = self._streams.room(port)
            conditions.append(f"(~{wanted} | {room})" if wanted else room)
            self._streams.take_credit(port, f"{self._fire} & {wanted}" if wanted else self._fire)
        section.add(f"assign {self._fire} = {' & '.join(conditions)};")
        resets, steps = [], []
        if self._valid:
            shifted = f"{{{self._valid}[{self.last - 1}:1], {self._fire}}}"
            resets.append(f"{self._valid} <= '0;")
            steps.append(f"{self._valid} <= {shifted if self.last > 1 else self._fire};")
            self._module.register_bits += self.last
        if self._phase:
            bits = (self._interval - 1).bit_length()
            last = f"{self._phase} == {bits}'d{self._interval - 1}"
            resets.append(f"{self._phase} <= '0;")
            steps.append(f"{self._phase} <= ({last}) ? {bits}'d0 : {self._phase} + {bits}'d1;")
        if resets:
            section.block("always_ff @(posedge clk)", with_reset(resets, steps))
        return section

    # Effects ------------------------------------------------------------------------------------

    def _load(self, node: Node) -> None:
        address = self._path.value(node.operands[1], node.stage, address_bits(storage_of(node)))
        condition = self._enable(node.stage)
        if self._is_conditional(node):
            condition = self._when(node.stage, node.operands[0])
        self._memories.read(node, condition, address)

    def _store(self, node: Node) -> None:
        predicate, address, value = node.operands
        storage = storage_of(node)
        self._memories.write(
            node,
            Write(
                self._when(node.stage, predicate),
                self._path.value(address, node.stage, address_bits(storage)),
                self._path.value(value, node.stage, storage.width),
            ),
        )

    def _write(self, port: str) -> None:
        nodes = self._writes(port)
        for node in nodes:
            condition = self._when(node.stage, node.operands[0])
            width = node.operands[1].width
            data = self._path.value(node.operands[1], node.stage, width)
            self._streams.push(port, condition, data, node.stage)
        if not self._is_early(port):
            stage = max(node.stage for node in nodes)
            written = " | ".join(
                str(self._path.bits(node.operands[0], stage, 0, 1, named=True)) for node in nodes
            )
            self._streams.return_credit(port, f"{self._enable(stage)} & ~({written})")

    # State --------------------------------------------------------------------------------------

    def _state(self) -> Section:
        """The registers that an iteration hands to the next one."""
        section = Section(f"{self._title}State for the next iteration")
        updates: dict[int, list[str]] = defaultdict(list)
        for phi, name in sorted(self._phis.items(), key=lambda item: item[0].index):
            stage = self._update_stage(phi)
            self._module.register_bits += phi.bits
            if phi.operands[1] is phi:
                continue
            value = self._path.value(phi.operands[1], stage, phi.bits)
            updates[stage].append(f"{name} <= {value};")
            self._enabled[stage] += phi.bits
        statements: list[str] = []
        for stage in sorted(updates):
            statements += guarded(self._enable(stage), updates[stage])
        if not self._phis:
            return section
        if self._initial is not None:
            resets = [
                f"{name} <= {literal(self._initial[phi], phi.bits)};"
                for phi, name in self._phis.items()
            ]
            statements = with_reset(resets, statements)
        else:
            entries = [
                f"{name} <= {self._path.value(phi.operands[0], 0, phi.bits)};"
                for phi, name in self._phis.items()
            ]
            statements += guarded(self._machine.entering(self.region), entries)
        section.block("always_ff @(posedge clk)", statements)
        return section

    # Leaving ------------------------------------------------------------------------------------

    def _read_registers(self) -> set[str]:
        """Registers whose old value the region needs while it runs."""
        return {
            operand.name
            for user, operand in self.region.uses()
            if operand.operation == "register"
            and not (user.operation == "phi" and user.operands[1] is not operand)
        }

    def _leave(self) -> None:
        """Exports, assignments and conditions of the transitions, for the state machine."""
        region = self.region
        if region.pipelined:
            self._leave_loop()
            return
        done = self._enable(self.last)
        for name, node in region.exports.items():
            self._machine.assign(name, done, self._exported(name, node, self.last))
        for transition in region.transitions:
            condition = self._path.bits(transition.condition, self.last, 0, 1, named=True)
            when = done if len(region.transitions) == 1 else f"{done} & {condition}"
            for name, node in transition.assignments.items():
                self._machine.assign(name, when, self._exported(name, node, self.last))
            self._machine.leave(region, transition, str(condition))

    def _exported(self, name: str, node: Node, stage: int) -> str:
        return self._path.value(node, stage, self._registers[name].width)

    def _leave_loop(self) -> None:
        region = self.region
        done = self._machine.drained(region)
        busy = self._read_registers()
        for name, node in region.exports.items():
            stage = self._capture_stage(node)
            value = self._exported(name, node, stage)
            self._enabled[stage] += self._registers[name].width
            if name in busy:
                self._machine.assign(name, done, self._capture(name, node, stage, value))
            else:
                self._machine.assign(name, self._enable(stage), value)
        held: dict[tuple[Node, int], str] = {}
        for transition in region.transitions:
            condition = self._exit_flag(transition.condition)
            when = f"{done} & {condition}" if len(region.transitions) > 1 else done
            for name, node in transition.assignments.items():
                width = self._registers[name].width
                stage = self._capture_stage(node)
                value = self._exported(name, node, stage)
                if not is_stable(node):
                    if (node, width) not in held:
                        held[node, width] = self._capture(name, node, stage, value)
                    value = held[node, width]
                self._machine.assign(name, when, value)
            self._machine.leave(region, transition, condition)

    def _capture(self, name: str, node: Node, stage: int, value: str) -> str:
        """A register with the value of the last iteration."""
        register = self._module.names.unique(f"{name}_last")
        width = self._registers[name].width
        self._captured.append(
            (width, register, f"if ({self._enable(stage)}) {register} <= {value};")
        )
        self._enabled[stage] += width
        self._module.register_bits += width
        return register

    def _exit_flag(self, condition: Node) -> str:
        """The condition of a transition in the last iteration, kept until the pipeline is empty."""
        if len(self.region.transitions) == 1:
            return "1'b1"
        register = self._module.names.unique(f"{self._prefix}exit")
        text = self._path.value(condition, 0, 1)
        self._captured.append((1, register, f"if ({self._fire}) {register} <= {text};"))
        self._module.register_bits += 1
        return register

    def _captures(self) -> Section:
        section = Section(f"{self._title}Values of the last iteration")
        for width, register, _ in self._captured:
            section.add(f"logic {vector(width)}{register};")
        section.block("always_ff @(posedge clk)", [text for _, _, text in self._captured])
        return section

    def proceeds(self) -> str:
        """The loop goes on behind the iteration in stage 0."""
        if self.region.proceed is None:
            return "1'b1"
        return self._path.value(self.region.proceed, 0, 1)

    @property
    def fire(self) -> str:
        """Signal: an iteration starts."""
        return self._fire

    @property
    def valid(self) -> str:
        """Vector of the stages with an iteration in them; "" where there is only stage 0."""
        return self._valid
