"""The values of a region, stage by stage: wires, pipeline registers and what they are called."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from ..graph import ModuleFunction, Node, Region
from ..names import legal
from ..schedule import ready_stage
from ..semantics import signed
from ..timing import is_stable, is_wiring, multiplier_latency
from .demand import Demand
from .expressions import STANDALONE, Expression, expression, joined, literal, zeros
from .module import Module, Section, vector

_INLINE = 60
"""Longest expression that is written inside another one."""

_SHIFT_REGISTER = 4
"""From so many stages on a delayed value is an array, which maps to shift-register LUTs."""

_NAMES = {
    "add": "sum",
    "sub": "difference",
    "mul": "product",
    "select": "choice",
    "eq": "equal",
    "ne": "differs",
    "and": "both",
    "or": "either",
    "xor": "differing",
    "shl": "shifted",
    "lshr": "shifted",
    "ashr": "shifted",
    "slice": "part",
    "trunc": "part",
    "smax": "maximum",
    "umax": "maximum",
    "smin": "minimum",
    "umin": "minimum",
}


def result_ports(function: ModuleFunction) -> list[str]:
    """Output ports of a module function; what is an argument as well gets `_out` behind it."""
    inputs = {node.name for node in function.inputs}
    names = [result.argument or "result" for result in function.results]
    return [legal(f"{name}_out" if name in inputs else name) for name in names]


class Sources(Protocol):
    """Signals that other parts of the module make."""

    def signal(self, node: Node) -> str:
        """Name of a register, argument, phi, read, status or memory output."""


class Datapath:
    """Values of a region's nodes as text.

    `sections` has one section per stage. `sources` names what is not computed here; `roots` are
    the (node, stage) that control and effects will ask for.
    """

    def __init__(
        self,
        module: Module,
        region: Region,
        functions: Mapping[str, ModuleFunction],
        sources: Sources,
        roots: Iterable[tuple[Node, int]],
        prefix: str = "",
        in_function: bool = False,
    ) -> None:
        self._module = module
        self._functions = functions
        self._sources = sources
        self._in_function = in_function
        self._demand = Demand(region, roots, in_function)
        self._first: dict[Node, str] = {}
        self._inline: dict[Node, Expression] = {}
        self._delayed: dict[tuple[Node, int], str] = {}
        self.sections = [Section(f"{prefix}Stage {stage}") for stage in range(region.depth)]
        for node in region.nodes:
            if self._demand.stages.get(node):
                self._make(node)

    # What others ask for ------------------------------------------------------------------------

    def bits(self, node: Node, stage: int, low: int, width: int, named: bool = False) -> Expression:
        """Bits [low, low + width) of a value, extended without end, as it is in a stage.

        With `named` the text has no computation in it, so it may be repeated.
        """
        if node.operation == "constant":
            number = signed(node.value, node.width) if node.width > 1 else node.value
            return literal(number >> low, width)
        have = node.bits
        if low + width <= have:
            return self._inside(node, stage, low, width, named)
        if low >= have:
            if not node.signed:
                return zeros(width)
            sign = self._inside(node, stage, have - 1, 1, named)
            return Expression(f"{{{width}{{{sign.text}}}}}") if width > 1 else sign
        core = self._inside(node, stage, low, have - low, named)
        if node.signed:
            return Expression(f"{width}'($signed({core.text}))")
        return joined([zeros(low + width - have), core])

    def value(self, node: Node, stage: int, width: int) -> str:
        """The lowest `width` bits."""
        return self.bits(node, stage, 0, width).text

    def change(self, phi: Node, stage: int) -> tuple[str, Node]:
        """When a phi changes ("" for always) and to what, where one `select` decides both."""
        after = phi.operands[1]
        if after.operation == "select" and after in self._inline and after.stage == stage:
            condition, chosen, other = after.operands
            text = self.bits(condition, stage, 0, 1)
            if other is phi:
                return text.text, chosen
            if chosen is phi:
                return f"~{text}", other
        return "", after

    # Wiring -------------------------------------------------------------------------------------

    def _inside(self, node: Node, stage: int, low: int, width: int, named: bool) -> Expression:
        """Bits that the node has: low + width <= node.bits."""
        if not is_wiring(node) or node in self._demand.kept:
            return self._signal_bits(node, stage, low, width, named)
        operation, operand = node.operation, node.operands[0]
        if operation in ("zext", "sext", "trunc"):
            return self.bits(operand, stage, low, width, named)
        if operation in ("slice", "result"):
            return self.bits(operand, stage, low + node.start, width, named)
        if operation == "not":
            inner = self.bits(operand, stage, low, width, named)
            return Expression(f"~{inner}")
        if operation == "concat":
            return joined(self._pieces(node, stage, low, width, named))
        amount = node.operands[1].value
        if operation in ("lshr", "ashr"):
            return self.bits(operand, stage, low + amount, width, named)
        below = min(width, max(0, amount - low))
        parts = []
        if below < width:
            parts.append(self.bits(operand, stage, low + below - amount, width - below, named))
        if below:
            parts.append(zeros(below))
        return joined(parts)

    def _pieces(
        self, node: Node, stage: int, low: int, width: int, named: bool
    ) -> list[Expression]:
        """Parts of a concatenation that lie within the bits, the highest first."""
        pieces = []
        end = node.width
        for operand in node.operands:
            start = end - operand.width
            first, last = max(start, low), min(end, low + width)
            if first < last:
                pieces.append(self.bits(operand, stage, first - start, last - first, named))
            end = start
        return pieces

    # Signals ------------------------------------------------------------------------------------

    def _signal_bits(self, node: Node, stage: int, low: int, width: int, named: bool) -> Expression:
        if is_stable(node, self._in_function):
            return Expression(self._module.bits(self._sources.signal(node), low, width))
        if stage == ready_stage(node):
            if node in self._inline:
                if not named and low == 0 and width == node.bits:
                    return self._inline[node]
                self._define(node, self._inline.pop(node))
            return Expression(self._module.bits(self._first[node], low, width))
        return Expression(self._module.bits(self._delayed[node, stage], low, width))

    def _make(self, node: Node) -> None:
        """Define a node where it is ready and its copies in later stages."""
        if is_stable(node, self._in_function) or (
            is_wiring(node) and node not in self._demand.kept
        ):
            return
        if node.operation in ("phi", "read", "load", "argument", "not_empty", "not_full"):
            self._first[node] = self._sources.signal(node)
            if node.operation == "argument" and node.latency:
                self._register_input(node)
        elif node.operation == "call":
            self._instance(node)
        elif node.operation == "mul" and multiplier_latency(node):
            self._multiplier(node)
        else:
            self._logic(node)
        self._delay(node)

    def _logic(self, node: Node) -> None:
        if node in self._demand.kept:
            self._demand.kept.remove(node)
            text = self._inside(node, node.stage, 0, node.bits, False)
            self._demand.kept.add(node)
            self._define(node, text)
            return
        text = expression(node, node.stage, self)
        alone = self._demand.uses[node] > 1 or self._demand.last(node) > node.stage
        if alone or node.operation in STANDALONE or len(text.text) > _INLINE:
            self._define(node, text)
        else:
            self._inline[node] = text

    def _name(self, node: Node) -> str:
        if node.operation == "call" and node.name == node.callee:
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", node.callee).lower()
            return words if words != node.callee else f"{words}_results"
        return node.name or _NAMES.get(node.operation, "value")

    def _define(self, node: Node, text: Expression) -> None:
        name = self._module.declare(self._name(node), node.bits)
        self._first[node] = name
        line = f"wire {vector(node.bits)}{name} = {text.text};"
        if node.operation == "mul":
            line = f'(* use_dsp = "no" *) {line}'
        self._section(node.stage).add(line, node.location)

    def _section(self, stage: int) -> Section:
        return self.sections[stage]

    def _register_input(self, node: Node) -> None:
        name = self._module.declare(f"{node.name}_s1", node.bits)
        source = self._module.bits(self._first[node], 0, node.bits)
        self._section(0).register(f"logic {vector(node.bits)}", name, source)
        self._module.register_bits += node.bits
        self._first[node] = name

    # Units with registers inside ----------------------------------------------------------------

    def _multiplier(self, node: Node) -> None:
        """Registers behind a product, which synthesis moves into the DSP blocks."""
        section = self._section(node.stage)
        name = self._module.declare(self._name(node), node.bits)
        self._first[node] = name
        source = expression(node, node.stage, self).text
        steps = [self._module.names.unique(f"{name}_m{i + 1}") for i in range(node.latency - 1)]
        declaration = ", ".join([*steps, name])
        section.add(
            f'(* use_dsp = "yes" *) logic {vector(node.bits)}{declaration};',
            node.location,
        )
        statements = []
        for target in [*steps, name]:
            statements.append(f"{target} <= {source};")
            source = target
        section.block("always_ff @(posedge clk)", statements)
        self._module.register_bits += node.bits * node.latency

    def _instance(self, node: Node) -> None:
        function = self._functions[node.callee]
        section = self._section(node.stage)
        name = self._module.declare(self._name(node), node.bits)
        self._first[node] = name
        section.add(f"wire {vector(node.bits)}{name};", node.location)
        connections = [".clk(clk)"] if function.latency else []
        for argument, operand in zip(function.inputs, node.operands, strict=True):
            text = self.value(operand, node.stage, argument.bits)
            connections.append(f".{legal(argument.name)}({text})")
        for result, port in zip(function.results, result_ports(function), strict=True):
            high = result.start + result.bits - 1
            part = f"[{high}:{result.start}]" if result.bits > 1 else f"[{high}]"
            connections.append(f".{port}({name}{part if node.bits > 1 else ''})")
        unit = self._module.names.unique(f"{name}_unit")
        section.add(f"{legal(function.name)} {unit} ({', '.join(connections)});")

    # Later stages -------------------------------------------------------------------------------

    def _delay(self, node: Node) -> None:
        """Registers that carry a value to the last stage that uses it."""
        ready, last = ready_stage(node), self._demand.last(node)
        count = last - ready
        if count == 0:
            return
        source = self._named(node)
        self._module.register_bits += count * node.bits
        if count >= _SHIFT_REGISTER:
            self._shift_register(node, source, count)
            return
        for stage in range(ready + 1, last + 1):
            name = self._module.declare(f"{self._first[node]}_s{stage}", node.bits)
            self._section(stage - 1).register(f"logic {vector(node.bits)}", name, source)
            self._delayed[node, stage] = name
            source = name if stage == last else self._module.read_all(name)

    def _named(self, node: Node) -> str:
        return self._module.bits(self._first[node], 0, node.bits)

    def _shift_register(self, node: Node, source: str, count: int) -> None:
        name = self._module.names.unique(f"{self._first[node]}_delayed")
        declaration = f"logic [{count - 1}:0]{vector(node.bits).strip()} "
        shifted = f"{{{name}[{count - 2}:0], {source}}}"
        self._section(ready_stage(node)).register(declaration, name, shifted)
        for age in range(1, count + 1):
            tap = f"{name}[{age - 1}]"
            self._module.watch(tap, node.bits)
            if age < count:
                self._module.read_all(tap)
            self._delayed[node, ready_stage(node) + age] = tap
