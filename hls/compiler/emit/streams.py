"""Handshakes: when inputs are taken, and the queue and credits behind every output.

An iteration that may write takes a credit, one place of the output's queue, when it starts. So
the pipeline never has to stop, and no path leads from one port's handshake to another's.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..graph import Process
from .expressions import any_of, first_of, zeros
from .module import Module, Section, vector

_QUEUE_CYCLES = 3
"""From a push to the credit that its pop gives back."""


@dataclass
class _Output:
    """What the regions do with an output.

    Attributes:
        pushes: (condition, data). takes: conditions under which an iteration takes a credit.
        returns: conditions under which it gives it back unused. latest: last stage of a write.
    """

    pushes: list[tuple[str, str]] = field(default_factory=list)
    takes: list[str] = field(default_factory=list)
    returns: list[str] = field(default_factory=list)
    latest: int = 0


class Streams:
    """The stream ports of a module. Names of ports are `<stream>_data`, `_valid`, `_ready`."""

    def __init__(self, module: Module, process: Process) -> None:
        self._module = module
        self._process = process
        self._taken: dict[str, list[str]] = defaultdict(list)
        self._outputs = {name: _Output() for name in process.outputs}
        self._rooms = {name: module.names.unique(f"{name}_room") for name in process.outputs}

    def valid(self, stream: str) -> str:
        """An input has a word."""
        return self._module.read_all(f"{stream}_valid")

    def room(self, stream: str) -> str:
        """An output has a credit left."""
        return self._rooms[stream]

    def take(self, stream: str, condition: str) -> None:
        """An input's word is consumed."""
        self._taken[stream].append(condition)

    def push(self, stream: str, condition: str, data: str, stage: int) -> None:
        """A word is written."""
        output = self._outputs[stream]
        output.pushes.append((condition, data))
        output.latest = max(output.latest, stage)

    def take_credit(self, stream: str, condition: str) -> None:
        """An iteration starts that will or may write."""
        self._outputs[stream].takes.append(condition)

    def return_credit(self, stream: str, condition: str) -> None:
        """It did not write."""
        self._outputs[stream].returns.append(condition)

    def depths(self) -> Mapping[str, int]:
        """Places of each output's queue: enough that a full pipeline never waits for credits."""
        return {
            name: 1 << (output.latest + _QUEUE_CYCLES - 1).bit_length()
            for name, output in self._outputs.items()
        }

    def all_empty(self) -> str:
        """Every word that was written has been taken by its reader."""
        depths = self.depths()
        full = [
            f"{name}_credits == {depth.bit_length()}'d{depth}" for name, depth in depths.items()
        ]
        return " && ".join(full) or "1'b1"

    # Text ---------------------------------------------------------------------------------------

    def declarations(self) -> Section:
        """Signals that the regions read."""
        section = Section("Credits: places left in the output queues")
        for name, depth in self.depths().items():
            section.add(f"logic [{depth.bit_length() - 1}:0] {name}_credits;")
            section.add(f"wire {self._rooms[name]} = {name}_credits != '0;")
        return section

    def sections(self) -> list[Section]:
        """Ready signals of the inputs, queues of the outputs."""
        inputs = Section("Inputs")
        for name in self._process.inputs:
            inputs.add(f"assign {name}_ready = {any_of(self._taken[name])};")
        return [inputs, *(self._queue(name) for name in self._process.outputs)]

    def _queue(self, name: str) -> Section:
        output, depth = self._outputs[name], self.depths()[name]
        width = self._process.streams[name].payload.width
        unique = self._module.names.unique
        section = Section(f"Output {name}: a queue of {depth} words")
        push, data = unique(f"{name}_push"), unique(f"{name}_pushed")
        pushes = any_of([condition for condition, _ in output.pushes])
        section.add(f"wire {push} = {pushes};")
        section.add(f"wire {vector(width)}{data} = {first_of(output.pushes) or zeros(width).text};")
        bits = depth.bit_length()
        count = f"{name}_credits"
        ready = self._module.read_all(f"{name}_ready")
        changes = [
            ("-", "promise", any_of(output.takes)),
            ("+", "pop", f"{name}_valid & {ready}"),
            *([("+", "release", any_of(output.returns))] if output.returns else []),
        ]
        steps = []
        for sign, event, condition in changes:
            signal = unique(f"{name}_{event}")
            section.add(f"wire {signal} = {condition};")
            steps.append(f"{sign} {bits}'({signal})")
        section.block(
            "always_ff @(posedge clk)",
            [
                f"if (!rst_n) {count} <= {bits}'d{depth};",
                f"else {count} <= {count} {' '.join(steps)};",
            ],
        )
        ready = unique(f"unused_{name}_ready")
        section.add(f"wire {ready};")
        section.add(f"stream_fifo #(.WIDTH({width}), .DEPTH({depth})) {unique(f'{name}_queue')} (")
        section.add(".clk(clk), .rst_n(rst_n),", indent=4)
        section.add(f".in_data({data}), .in_valid({push}), .in_ready({ready}),", indent=4)
        section.add(
            f".out_data({name}_data), .out_valid({name}_valid), .out_ready({name}_ready)", indent=4
        )
        section.add(");")
        self._module.register_bits += bits
        return section
