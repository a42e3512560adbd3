"""The regions of a function, and the registers in which values travel between them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from . import memories
from .addressing import Pointers
from .control import ControlFlow, Loop, analyse
from .graph import ModuleFunction, Register
from .ir import (
    Block,
    Function,
    Instruction,
    Local,
    Location,
    Module,
    Scalar,
    StreamPort,
    Undefined,
    Value,
    VoidType,
)
from .memories import Home, Variable
from .names import Names
from .ranges import Range, full

_NOISE = re.compile(
    r"(i|sroa|lcssa|promoted|next|pre|ph|us|off0|le|addr|t|insert|ext|extract|shift|mask|trunc)?\d*"
)
"""Parts that LLVM appends to a name."""

_TEMPORARIES = re.compile(
    r"(add|and|arrayidx|arrayinit|call|cast|cleanup|cmp|conv|cond|dec|div|exitcond|extract|"
    r"frombool|gep|idx|idxprom|inc|indvars|land|lnot|loadedv|lor|mul|narrow|neg|not|or|phi|ref|"
    r"rem|ret|retval|sel|select|sext|shl|shr|smax|smin|spec|storedv|sub|tmp|tobool|trunc|umax|"
    r"umin|xor|zext)\d*"
)
"""What LLVM and clang call values that have no name in the source."""


def readable(name: str) -> str:
    """LLVM's name of a value as the source would call it; "" for temporaries."""
    first, *others = name.split(".")
    if not first or first.isdigit() or _TEMPORARIES.fullmatch(first):
        return ""
    return "_".join([first, *(word for word in others if word and not _NOISE.fullmatch(word))])


@dataclass(eq=False)
class RegionPlan:
    """Blocks that become one region, in reverse postorder; entered at the first one."""

    name: str
    blocks: list[str]
    loop: Loop | None
    location: Location | None

    @property
    def first(self) -> str:
        """Name of the block at which the region is entered."""
        return self.blocks[0]


@dataclass(eq=False)
class FunctionPlan:
    """A function divided into regions, with what they share.

    Attributes:
        function, module: where it comes from. functions: module functions it may call.
        flow: control flow, straight code split so that a block accesses a stream only once.
        regions: in order, the entry first. region_of: block -> region.
        definitions: local value -> its instruction. block_of: local value -> block.
        homes: where memories live, by `Place.base`.
        bounds: of phis and of values that travel between regions, where they are known.
        registers: by name, in order of creation.
    """

    function: Function
    module: Module
    functions: Mapping[str, ModuleFunction]
    flow: ControlFlow
    regions: list[RegionPlan]
    region_of: dict[str, RegionPlan]
    definitions: dict[str, Instruction]
    block_of: dict[str, str]
    pointers: Pointers
    homes: dict[str, Home]
    names: Names
    bounds: Mapping[str, Range]
    registers: dict[str, Register] = field(default_factory=dict)
    _value_registers: dict[str, Register] = field(default_factory=dict)
    _entry_registers: dict[str, Register] = field(default_factory=dict)
    _variable_registers: dict[Variable, Register] = field(default_factory=dict)

    @property
    def streams(self) -> dict[str, StreamPort]:
        """Stream arguments by name."""
        return {x.name: x for x in self.function.arguments if isinstance(x, StreamPort)}

    @property
    def scalars(self) -> dict[str, Scalar]:
        """Scalar arguments by name."""
        return {x.name: x for x in self.function.arguments if isinstance(x, Scalar)}

    def register_of(self, value: str) -> Register:
        """The register through which a local value reaches other regions."""
        if value not in self._value_registers:
            name = self.names.unique(readable(value) or "value")
            width = memories.width_of(self.definitions[value])
            register = self._register(name, width, None)
            register.low, register.high = self.bounds.get(value, full(width))
            self._value_registers[value] = register
        return self._value_registers[value]

    def entry_register(self, phi: Instruction) -> Register:
        """The register from which a loop's phi starts where the loop is entered in several ways."""
        name = phi.result or ""
        if name not in self._entry_registers:
            word = self.names.unique(f"{readable(name) or 'value'}_start")
            self._entry_registers[name] = self._register(word, memories.width_of(phi), None)
        return self._entry_registers[name]

    def has_entry_register(self, phi: Instruction) -> bool:
        """`entry_register` has been asked for."""
        return phi.result in self._entry_registers

    def exported(self) -> list[tuple[str, Register]]:
        """Local values that have registers."""
        return list(self._value_registers.items())

    def variable_register(self, variable: Variable) -> Register:
        """The register that holds an element of a memory between regions."""
        if variable not in self._variable_registers:
            initial = variable.initial if variable.static else None
            if variable.static and initial is None:
                initial = 0
            register = self._register(variable.name, variable.width, initial)
            self._variable_registers[variable] = register
        return self._variable_registers[variable]

    def _register(self, name: str, width: int, initial: int | None) -> Register:
        low, high = full(width)
        register = Register(name, width, low, high, initial)
        self.registers[name] = register
        return register

    def starts_region(self, block: str) -> bool:
        """The block is where its region is entered."""
        return self.region_of[block].first == block

    def chosen_once(self, phi: Instruction) -> Value | None:
        """The one value that a phi can have, if there is only one.

        "Undefined, or what the last iteration computed" is none: where the phi is read, the same
        value may have been computed anew.
        """
        values = set(phi.operands) - {Local(phi.result or "", phi.type)}
        defined = {value for value in values if not isinstance(value, Undefined)}
        if len(defined) != 1:
            return None
        (only,) = defined
        computed = isinstance(only, Local) and only.name in self.definitions
        return None if computed and defined != values else only


def plan_function(
    function: Function,
    module: Module,
    functions: Mapping[str, ModuleFunction],
    bounds: Mapping[str, Range],
) -> FunctionPlan:
    """Divide a function: every pipelined loop is a region, every other block is one."""
    names = Names(frozenset(argument.name for argument in function.arguments))
    flow = analyse(function)
    definitions, _ = _definitions(flow)
    objects = frozenset([*(x.name for x in function.arguments), *function.memories])
    pointers = Pointers(definitions, objects)
    if function.kind == "process":
        flow = _split(function, flow, pointers)
    definitions, block_of = _definitions(flow)
    pointers = Pointers(definitions, objects)
    regions = _regions(function, flow)
    live = replace(function, blocks=list(flow.blocks.values()))
    return FunctionPlan(
        function,
        module,
        functions,
        flow,
        regions,
        {name: region for region in regions for name in region.blocks},
        definitions,
        block_of,
        pointers,
        memories.homes(live, module, pointers, names),
        names,
        bounds,
    )


def _definitions(flow: ControlFlow) -> tuple[dict[str, Instruction], dict[str, str]]:
    instructions: dict[str, Instruction] = {}
    blocks: dict[str, str] = {}
    for name, block in flow.blocks.items():
        for instruction in block.instructions:
            if instruction.result is not None:
                instructions[instruction.result] = instruction
                blocks[instruction.result] = name
    return instructions, blocks


def _regions(function: Function, flow: ControlFlow) -> list[RegionPlan]:
    names = Names()
    if function.kind == "module":
        return [RegionPlan(function.name, list(flow.blocks), None, function.location)]
    pipelined = {
        name: loop
        for loop in flow.loops.values()
        if loop.interval is not None
        for name in loop.blocks
    }
    regions: list[RegionPlan] = []
    for name, block in flow.blocks.items():
        loop = pipelined.get(name)
        if loop is None:
            place = next((x.location for x in block.instructions if x.location), None)
            word = names.unique(f"block_{len(regions)}")
            regions.append(RegionPlan(word, [name], None, place or function.location))
        elif name == loop.header:
            label = function.loop_names.get(name) or f"loop_{len(regions)}"
            regions.append(RegionPlan(names.unique(label), loop.blocks, loop, loop.location))
    return regions


# Splitting --------------------------------------------------------------------------------------


def _split(function: Function, flow: ControlFlow, pointers: Pointers) -> ControlFlow:
    """Cut straight blocks before the second access to one stream."""
    pipelined = {
        name for loop in flow.loops.values() if loop.interval is not None for name in loop.blocks
    }
    streams = {f"%{x.name}" for x in function.arguments if isinstance(x, StreamPort)}
    parts = {
        name: [block] if name in pipelined else _parts(block, pointers, streams)
        for name, block in flow.blocks.items()
    }
    if all(len(blocks) == 1 for blocks in parts.values()):
        return flow
    last = {name: blocks[-1].name for name, blocks in parts.items()}
    for blocks in parts.values():
        for block in blocks:
            block.instructions = [
                _with_sources(x, last) if x.opcode == "phi" else x for x in block.instructions
            ]
    whole = [block for blocks in parts.values() for block in blocks]
    return analyse(replace(function, blocks=whole))


def _parts(block: Block, pointers: Pointers, streams: set[str]) -> list[Block]:
    parts = [Block(block.name, [])]
    accessed: set[str] = set()
    for instruction in block.instructions:
        touched = set()
        if instruction.volatile:
            places = pointers.places(instruction.operands[-1], instruction.location)
            touched = {place.base for place in places} & streams
            data = any(place.offset >= StreamPort.DATA_OFFSET for place in places)
            if touched & accessed:
                name = f"{block.name}.{len(parts)}"
                jump = Instruction("br", None, VoidType(), blocks=(name,))
                parts[-1].instructions.append(jump)
                parts.append(Block(name, []))
                accessed = set()
            if data:
                accessed |= touched
        parts[-1].instructions.append(instruction)
    return parts


def _with_sources(phi: Instruction, last: Mapping[str, str]) -> Instruction:
    return replace(phi, blocks=tuple(last.get(name, name) for name in phi.blocks))
