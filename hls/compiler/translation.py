"""The instructions of one region as nodes: predicated, if-converted, phis as state or as choice."""

from collections.abc import Iterator
from dataclasses import dataclass

from . import operations, streams
from .accesses import Accesses
from .addressing import Guard, Place
from .builder import GraphBuilder
from .control import is_marker
from .diagnostics import HlsError
from .draft import Draft
from .graph import Node
from .ir import (
    Constant,
    Instruction,
    IntType,
    Local,
    StreamPort,
    Undefined,
    Value,
)
from .memories import Variable, width_of
from .paths import Paths
from .plan import FunctionPlan, RegionPlan, readable
from .predicates import exclusive

_WIRING = frozenset(["zext", "sext", "trunc", "freeze"])
"""Made again in every region that needs them: the narrow value travels."""


@dataclass(frozen=True)
class Exit:
    """Leaving the region from one of its blocks; `target` is a block, or None: return."""

    condition: Node
    source: str
    target: str | None


class Translation:
    """One region on its way from instructions to a draft."""

    def __init__(self, plan: FunctionPlan, region: RegionPlan) -> None:
        self._plan = plan
        self.region = region
        self.builder = GraphBuilder()
        self._paths = Paths(self.builder, region.blocks, plan.flow.successors)
        self._environment: dict[str, Node] = {}
        self._calls: dict[str, list[Node]] = {}
        self.accesses = Accesses(self.builder, self.value, self._entering)
        self.entering: dict[Variable, Node] = {}
        self.state: dict[str, Node] = {}
        self.exits: list[Exit] = []
        self.returned: list[tuple[Node, list[Node]]] = []
        self._block = region.first
        self._predicate = self.builder.constant(1, 1)

    def run(self) -> Draft:
        """Translate every block; the exits are left to the caller."""
        region = self.region
        for name in region.blocks:
            self._block = name
            self._predicate = self._paths.enter(name)
            for instruction in self._plan.flow.blocks[name].instructions:
                self._translate(instruction)
            self.accesses.end_of_block()
        loop = region.loop
        draft = Draft(
            region.name,
            loop is not None,
            (loop.interval or 1) if loop else 1,
            self.builder,
            location=region.location,
        )
        if loop:
            draft.proceed = self._close_loop()
        return draft

    # Values -------------------------------------------------------------------------------------

    def value(self, value: Value) -> Node:
        """The node of an integer, from this region or from another one."""
        if isinstance(value, Constant):
            return self.builder.constant(value.value, value.type.width)
        if isinstance(value, Undefined):
            return self.builder.undefined(width_of(value))
        if not isinstance(value, Local):
            raise ValueError(f"{value} is no integer")
        if value.name not in self._environment:
            self._environment[value.name] = self._from_outside(value)
        return self._environment[value.name]

    def _from_outside(self, value: Local) -> Node:
        scalar = self._plan.scalars.get(value.name)
        if scalar:
            return self.builder.argument(scalar.name, scalar.width, location=scalar.location)
        definition = self._plan.definitions[value.name]
        block = self._plan.block_of[value.name]
        if self._plan.region_of[block] is self.region:
            raise AssertionError(f"{value.name} is used before it is computed")
        if definition.opcode in _WIRING:
            operand = self.value(definition.operands[0])
            width = width_of(definition)
            return operations.translate(self.builder, definition, [operand], width, "")
        if definition.opcode == "phi" and self._plan.starts_region(block):
            only = self._plan.chosen_once(definition)
            if only is not None and not self._plan.region_of[block].loop:
                return self.value(only)
        return self.builder.register(self._plan.register_of(value.name))

    def defines(self, name: str) -> Node:
        """The node of a value that this region computes."""
        return self._environment[name]

    def _entering(self, variable: Variable) -> Node:
        """A variable as the region finds it: state of a loop, or what the last region left."""
        if self._plan.function.kind == "module":
            return self.builder.undefined(variable.width)
        node = self.builder.register(self._plan.variable_register(variable))
        if self.region.loop:
            node = self.builder.phi(node, variable.name)
        self.entering[variable] = node
        return node

    # Instructions -------------------------------------------------------------------------------

    def _translate(self, instruction: Instruction) -> None:
        opcode = instruction.opcode
        if opcode in operations.ARITHMETIC:
            if isinstance(instruction.type, IntType):
                self._define(instruction, self._arithmetic(instruction))
        elif opcode == "phi":
            if isinstance(instruction.type, IntType):
                self._define(instruction, self._phi(instruction))
        elif opcode == "load":
            self._define(instruction, self._load(instruction))
        elif opcode == "store":
            self._store(instruction)
        elif opcode == "call":
            self._call(instruction)
        elif opcode == "extractvalue":
            self._extract(instruction)
        elif opcode in ("br", "switch", "ret"):
            self._terminate(instruction)
        elif opcode not in ("getelementptr", "unreachable"):
            raise ValueError(f"unknown instruction {opcode}")

    def _define(self, instruction: Instruction, node: Node) -> None:
        if instruction.result is None:
            raise ValueError(f"{instruction.opcode} without a result")
        self._environment[instruction.result] = node

    def _arithmetic(self, instruction: Instruction) -> Node:
        operands = [self.value(operand) for operand in instruction.operands]
        name = readable(instruction.result or "")
        return operations.translate(
            self.builder, instruction, operands, width_of(instruction), name
        )

    def _call(self, instruction: Instruction) -> None:
        if is_marker(instruction):
            return
        function = self._plan.functions[instruction.callee]
        callee = self._plan.module.functions[instruction.callee]
        names = [argument.name for argument in callee.arguments]
        operands = [
            self.value(instruction.operands[names.index(node.name)]) for node in function.inputs
        ]
        results = self.builder.call(function, operands, location=instruction.location)
        if instruction.result is not None:
            self._calls[instruction.result] = results

    def _extract(self, instruction: Instruction) -> None:
        (call,) = instruction.operands
        if not isinstance(call, Local):
            raise ValueError("extractvalue of something that is no call")
        self._define(instruction, self._calls[call.name][instruction.index])

    # Phis ---------------------------------------------------------------------------------------

    def _phi(self, instruction: Instruction) -> Node:
        if self._block != self.region.first:
            return self._chosen_by_path(instruction)
        if self.region.loop:
            initial = self._initial(instruction)
            name = instruction.result or ""
            bounds = self._plan.bounds.get(name)
            phi = self.builder.phi(initial, readable(name), bounds, instruction.location)
            self.state[name] = phi
            return phi
        only = self._plan.chosen_once(instruction)
        if only is not None:
            return self.value(only)
        return self.builder.register(self._plan.register_of(instruction.result or ""))

    def _initial(self, phi: Instruction) -> Node:
        """What a loop's phi is on entry."""
        outside = {
            value
            for value, source in zip(phi.operands, phi.blocks, strict=True)
            if self._plan.region_of[source] is not self.region
        }
        if len(outside) == 1:
            return self.value(outside.pop())
        return self.builder.register(self._plan.entry_register(phi))

    def _chosen_by_path(self, phi: Instruction) -> Node:
        """A select for every way that leads to the block."""
        sources: dict[Node, list[str]] = {}
        for value, source in zip(phi.operands, phi.blocks, strict=True):
            if source in self._plan.flow.blocks:
                sources.setdefault(self.value(value), []).append(source)
        chosen: Node | None = None
        for node, blocks in sources.items():
            if chosen is None:
                chosen = node
                continue
            condition = self.builder.any_of(
                *(self._paths.arriving(source, self._block) for source in blocks)
            )
            chosen = self.builder.select(condition, node, chosen)
        if chosen is None:
            raise ValueError("a phi without values")
        name = readable(phi.result or "")
        if name and not chosen.name and chosen.operation == "select":
            chosen.name = name
        return chosen

    def _close_loop(self) -> Node:
        """Give the phis their next values -> whether there is a next iteration."""
        region, builder = self.region, self.builder
        members = set(region.blocks)
        latches = [
            source for source in self._plan.flow.predecessors[region.first] if source in members
        ]
        edges = {source: self._paths.edge(source, region.first) for source in latches}
        for instruction in self._plan.flow.blocks[region.first].instructions:
            if instruction.opcode != "phi" or not isinstance(instruction.type, IntType):
                continue
            by_source = dict(zip(instruction.blocks, instruction.operands, strict=True))
            following = self.value(by_source[latches[0]])
            for source in latches[1:]:
                other = self.value(by_source[source])
                following = builder.select(edges[source], other, following)
            builder.set_next(self.defines(instruction.result or ""), following)
        for variable, phi in self.entering.items():
            builder.set_next(phi, self.accesses.current[variable])
        if not self.exits:
            return builder.constant(1, 1)
        return builder.any_of(*edges.values())

    # Memory and streams -------------------------------------------------------------------------

    def _guarded(self, instruction: Instruction) -> Iterator[tuple[Node, Place]]:
        """The places of an access, each with the condition that it is this one."""
        pointer = instruction.operands[-1]
        for place in self._plan.pointers.places(pointer, instruction.location):
            conditions = [self._guard(guard) for guard in place.guards]
            yield self.builder.all_of(*conditions), place

    def _guard(self, guard: Guard) -> Node:
        if guard.condition is None:
            block = self._plan.block_of[guard.target]
            if self._plan.region_of[block] is not self.region:
                raise HlsError(
                    "pointer",
                    "which array is accessed was decided before this loop: decide it where it "
                    "is accessed",
                    self._plan.definitions[guard.target].location,
                )
            return self._paths.arriving(guard.source, block)
        condition = self.value(guard.condition)
        return condition if guard.holds else self.builder.invert(condition)

    def _load(self, instruction: Instruction) -> Node:
        width = width_of(instruction)
        chosen: Node | None = None
        for condition, place in self._guarded(instruction):
            predicate = self.builder.all_of(self._predicate, condition)
            node = self._load_from(instruction, place, width, predicate)
            chosen = node if chosen is None else self.builder.select(condition, node, chosen)
        return self.builder.undefined(width) if chosen is None else chosen

    def _load_from(
        self, instruction: Instruction, place: Place, width: int, predicate: Node
    ) -> Node:
        port = self._plan.streams.get(place.base[1:]) if place.base[0] == "%" else None
        if port:
            return self._read(instruction, port, place, width, predicate)
        name = readable(instruction.result or "")
        home = self._plan.homes[place.base]
        return self.accesses.load(home, place, width, predicate, name, instruction.location)

    def _read(
        self, instruction: Instruction, port: StreamPort, place: Place, width: int, predicate: Node
    ) -> Node:
        if place.offset < StreamPort.DATA_OFFSET:
            self._check_status(instruction, port, predicate)
            operation = "not_full" if place.offset else "not_empty"
            status = self.builder.effect(
                operation, 1, port=port.name, name=f"{port.name}_{operation}"
            )
            status.location = instruction.location
            return self.builder.resize(status, width, is_signed=False)
        word = self.builder.read(port.name, port.payload.width, predicate)
        word.location = instruction.location
        return self.builder.resize(
            streams.image(self.builder, port.payload, word), width, is_signed=False
        )

    def _check_status(self, instruction: Instruction, port: StreamPort, predicate: Node) -> None:
        """The state of a stream is that at the start of an iteration."""
        for node in self.builder.effects:
            if node.port != port.name or node.operation not in ("read", "write"):
                continue
            if not exclusive(node.operands[0], predicate):
                raise HlsError(
                    "status-after-access",
                    f"the state of stream {port.name} is asked for after its access at "
                    f"{node.location} in the same iteration: ask before, or in the next one",
                    instruction.location,
                )

    def _store(self, instruction: Instruction) -> None:
        value = self.value(instruction.operands[0])
        for condition, place in self._guarded(instruction):
            predicate = self.builder.all_of(self._predicate, condition)
            port = self._plan.streams.get(place.base[1:]) if place.base[0] == "%" else None
            if port:
                word = streams.packed(self.builder, port.payload, value)
                node = self.builder.write(port.name, predicate, word)
                node.location = instruction.location
            else:
                home = self._plan.homes[place.base]
                self.accesses.store(home, place, value, predicate, instruction.location)

    # Leaving blocks -----------------------------------------------------------------------------

    def _terminate(self, instruction: Instruction) -> None:
        if instruction.opcode == "ret":
            self.exits.append(Exit(self._predicate, self._block, None))
            values = [self.value(operand) for operand in instruction.operands]
            self.returned.append((self._predicate, values))
            return
        for target, condition in self._branches(instruction):
            self._paths.leave(self._block, target, condition)
            if self._plan.region_of[target] is not self.region:
                edge = self.builder.all_of(self._predicate, condition)
                self.exits.append(Exit(edge, self._block, target))

    def _branches(self, instruction: Instruction) -> list[tuple[str, Node]]:
        """Every block that may follow, with its condition."""
        live = self._plan.flow.successors[self._block]
        if len(live) == 1:
            return [(live[0], self.builder.constant(1, 1))]
        builder = self.builder
        if instruction.opcode == "br":
            condition = self.value(instruction.operands[0])
            taken, other = instruction.blocks
            return [(taken, condition), (other, builder.invert(condition))]
        value = self.value(instruction.operands[0])
        default, *targets = instruction.blocks
        chosen: dict[str, Node] = {}
        none_of = builder.constant(1, 1)
        for case, target in zip(instruction.cases, targets, strict=True):
            if target not in live:
                continue
            equal = builder.equals(value, case)
            chosen[target] = builder.any_of(chosen.get(target, builder.constant(0, 1)), equal)
            none_of = builder.all_of(none_of, builder.invert(equal))
        if default in live:
            before = chosen.get(default, builder.constant(0, 1))
            chosen[default] = builder.any_of(before, none_of)
        else:
            chosen = _with_rest(builder, chosen)
        return list(chosen.items())


def _with_rest(builder: GraphBuilder, chosen: dict[str, Node]) -> dict[str, Node]:
    """One of the conditions always holds: the last is that no other does."""
    *others, last = chosen
    chosen[last] = builder.invert(builder.any_of(*(chosen[name] for name in others)))
    return chosen
