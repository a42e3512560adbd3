"""One region: when an iteration starts, and what it does to state in which stage."""

from collections import defaultdict
from collections.abc import Mapping

from ..graph import ModuleFunction, Node, Region, Register
from ..waits import holds_up
from .datapath import Datapath
from .expressions import literal
from .leaving import Leaving
from .machine import Machine
from .memories import Memories, Write, address_bits, storage_of
from .module import Module, Section, guarded, vector, with_reset
from .needs import Needs
from .streams import Streams


class RegionText:
    """Everything about a region but its place in the state machine.

    With `initial`, phi -> bit pattern, it is a loop that starts with reset and never ends, in a
    module that needs no state machine.
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
        self._needs = Needs(region, memories)
        self.last = self._needs.last
        self._fire = module.names.unique(f"{self._prefix}fire")
        self._valid = module.names.unique(f"{self._prefix}valid") if self.last else ""
        self._phase = module.names.unique(f"{self._prefix}phase") if self._interval > 1 else ""
        self._enabled: dict[int, int] = defaultdict(int)
        title = "" if initial is not None else f"{region.name}: "
        self._title = title
        self._path = Datapath(module, region, functions, self, self._needs.roots(), prefix=title)

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
        for port in self._needs.ports("write"):
            self._write(port)
        sections = [self._path.sections[0], start, *self._path.sections[1:], self._state()]
        leaving = Leaving(
            self._module,
            self.region,
            self._registers,
            self._machine,
            self._needs,
            self._path,
            self._enable,
        )
        for stage, bits in leaving.enabled.items():
            self._enabled[stage] += bits
        return [*sections, leaving.section(self._title)]

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
        for port in self._needs.ports("read"):
            reads = [x for x in self.region.effects if x.operation == "read" and x.port == port]
            wanted = self._wanted(section, port, "wanted", reads)
            valid = self._streams.valid(port)
            if holds_up(self.region, "read", port):
                conditions.append(f"(~{wanted} | {valid})" if wanted else valid)
            self._streams.take(port, f"{self._fire} & {wanted}" if wanted else self._fire)
        for port in self._needs.ports("write"):
            early = self._needs.is_early(port)
            wanted = (
                self._wanted(section, port, "written", self._needs.writes(port)) if early else ""
            )
            room = self._streams.room(port)
            if holds_up(self.region, "write", port):
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
        if self._needs.is_conditional(node):
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
        nodes = self._needs.writes(port)
        for node in nodes:
            condition = self._when(node.stage, node.operands[0])
            width = node.operands[1].width
            data = self._path.value(node.operands[1], node.stage, width)
            self._streams.push(port, condition, data, node.stage)
        if not self._needs.is_early(port):
            stage = max(node.stage for node in nodes)
            written = " | ".join(
                str(self._path.bits(node.operands[0], stage, 0, 1, named=True)) for node in nodes
            )
            self._streams.return_credit(port, f"{self._enable(stage)} & ~({written})")

    # State --------------------------------------------------------------------------------------

    def _state(self) -> Section:
        """The registers that an iteration hands to the next one."""
        section = Section(f"{self._title}State for the next iteration")
        statements: list[str] = []
        for stage in sorted({self._needs.update_stage(phi) for phi in self._phis}):
            statements += guarded(self._enable(stage), self._updates(stage))
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

    def _updates(self, stage: int) -> list[str]:
        """Assignments to the phis of a stage; those that take values under a condition together."""
        always: list[str] = []
        conditional: dict[str, list[str]] = defaultdict(list)
        for phi, name in self._phis.items():
            if self._needs.update_stage(phi) != stage:
                continue
            self._module.register_bits += phi.bits
            if phi.operands[1] is phi:
                continue
            self._enabled[stage] += phi.bits
            condition, node = self._path.change(phi, stage)
            value = f"{name} <= {self._path.value(node, stage, phi.bits)};"
            if condition:
                conditional[condition].append(value)
            else:
                always.append(value)
        for condition, values in conditional.items():
            always += guarded(condition, values)
        return always

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
