"""What a region hands to others when it is left: registers, and the way it goes."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from ..graph import Node, Region, Register
from ..timing import is_stable
from .datapath import Datapath
from .machine import Machine
from .module import Module, Section, vector
from .needs import Needs


class Leaving:
    """Exports, assignments and conditions of a region's transitions, for the state machine.

    Straight-line code hands its values over in its last stage. A loop stores them as they come,
    because its pipeline runs empty before the next region starts.

    Attributes:
        enabled: stage -> register bits that its valid bit enables.
    """

    def __init__(
        self,
        module: Module,
        region: Region,
        registers: Mapping[str, Register],
        machine: Machine,
        needs: Needs,
        path: Datapath,
        enable: Callable[[int], str],
    ) -> None:
        self._module = module
        self._region = region
        self._registers = registers
        self._machine = machine
        self._needs = needs
        self._path = path
        self._enable = enable
        self._captured: list[tuple[int, str, str]] = []
        self.enabled: dict[int, int] = defaultdict(int)
        if region.pipelined:
            self._leave_loop()
        else:
            self._leave_block()

    def section(self, title: str) -> Section:
        """Registers with the values of the last iteration."""
        section = Section(f"{title}Values of the last iteration")
        for width, register, _ in self._captured:
            section.add(f"logic {vector(width)}{register};")
        section.block("always_ff @(posedge clk)", [text for _, _, text in self._captured])
        return section

    def _read_registers(self) -> set[str]:
        """Registers whose old value the region needs while it runs."""
        return {
            operand.name
            for user, operand in self._region.uses()
            if operand.operation == "register"
            and not (user.operation == "phi" and user.operands[1] is not operand)
        }

    def _leave_block(self) -> None:
        region, last = self._region, self._needs.last
        done = self._enable(last)
        for name, node in region.exports.items():
            self._machine.assign(name, done, self._exported(name, node, last))
        for transition in region.transitions:
            # Where the last way sets no register, it is what is left when no other one is taken.
            if transition is region.transitions[-1] and not transition.assignments:
                self._machine.leave(region, transition, "1'b1")
                break
            condition = self._path.bits(transition.condition, last, 0, 1, named=True)
            when = done if len(region.transitions) == 1 else f"{done} & {condition}"
            for name, node in transition.assignments.items():
                self._machine.assign(name, when, self._exported(name, node, last))
            self._machine.leave(region, transition, str(condition))

    def _exported(self, name: str, node: Node, stage: int) -> str:
        return self._path.value(node, stage, self._registers[name].width)

    def _leave_loop(self) -> None:
        region = self._region
        done = self._machine.drained(region)
        busy = self._read_registers()
        for name, node in region.exports.items():
            stage = self._needs.capture_stage(node)
            value = self._exported(name, node, stage)
            self.enabled[stage] += self._registers[name].width
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
                stage = self._needs.capture_stage(node)
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
        self.enabled[stage] += width
        self._module.register_bits += width
        return register

    def _exit_flag(self, condition: Node) -> str:
        """The condition of a transition in the last iteration, kept until the pipeline is empty."""
        if len(self._region.transitions) == 1:
            return "1'b1"
        register = self._module.names.unique(f"{self._region.name}_exit")
        text = self._path.value(condition, 0, 1)
        self._captured.append((1, register, f"if ({self._enable(0)}) {register} <= {text};"))
        self._module.register_bits += 1
        return register
