"""One optimised LLVM function as `ir.Function`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import bulk, intrinsics
from .aggregates import Aggregates
from .llvm import syntax
from .llvm.debug_info import DebugInfo
from .signature import KeptFunction
from .splitting import split_structs
from .storage import StorageReader
from .stream_addresses import StreamAddresses
from .value_names import source_names

_ARITHMETIC = frozenset({"add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "icmp"})
_DIVISIONS = frozenset({"udiv", "sdiv", "urem", "srem"})
_MOVES = frozenset({"select", "freeze", "zext", "sext", "trunc", "phi"})
_MEMORY = frozenset({"load", "store", "getelementptr"})
_PASSED_ON = _ARITHMETIC | _DIVISIONS | _MOVES | _MEMORY | {"br", "switch", "unreachable"}
_ALLOCATORS = ("_Zn", "_Zd", "malloc", "calloc", "realloc", "free")


@dataclass
class ReadFunction:
    """A function, with what the module still needs to know about it.

    Attributes:
        globals: LLVM names of the global objects that it uses.
        products: each mul -> the user's lines that led to it, the innermost first.
    """

    function: ir.Function
    globals: set[str] = field(default_factory=set)
    products: list[tuple[ir.Instruction, tuple[ir.Location, ...]]] = field(default_factory=list)


class FunctionReader:
    """Translates the body of one kept function.

    Args:
        names: symbol of a kept function -> its name in the module.
    """

    def __init__(
        self,
        body: syntax.Function,
        kept: KeptFunction,
        debug: DebugInfo,
        storage: StorageReader,
        names: Mapping[str, str],
    ) -> None:
        self.body = body
        self.kept = kept
        self.debug = debug
        self.storage = storage
        self.names = names
        self.result = ReadFunction(
            ir.Function(
                names[kept.symbol],
                "module" if kept.kind == "module" else "process",
                list(kept.arguments),
                [],
                tuple(kept.results),
                location=kept.location,
            )
        )
        self.renamed: dict[str, str] = {}
        self.streams = StreamAddresses(body, kept)
        self.substitutes: dict[str, ir.Value] = {}
        self.returned: dict[int, tuple[ir.Value, ...]] = {}
        self.behind: dict[int, list[ir.Instruction]] = {}
        self.taken = {argument.name for argument in kept.arguments}

    def run(self) -> ReadFunction:
        """Translate everything.

        Raises:
            HlsError: what has no hardware.
        """
        self.bind_arguments()
        self.read_allocas()
        self.take_structs_apart()
        self.rename_values()
        for block in self.body.blocks:
            instructions: list[ir.Instruction] = []
            for instruction in block.instructions:
                instructions += self.translate(instruction)
                instructions += map(self.converted, self.behind.get(id(instruction), []))
            self.result.function.blocks.append(ir.Block(block.name, instructions))
        split_structs(self.result.function, self.result.globals, self.storage, self.fresh)
        return self.result

    # Names --------------------------------------------------------------------------------------

    def bind_arguments(self) -> None:
        """LLVM's parameters get the names of the arguments; values that have them, others."""
        for parameter, binding in zip(self.body.parameters, self.kept.bindings, strict=True):
            if isinstance(binding, str):
                self.renamed[parameter.name] = binding
            else:
                self.renamed[parameter.name] = self.streams.ports[parameter.name]

    def rename_values(self) -> None:
        """Values get their names in the source; a number behind a point tells them apart."""
        wanted = source_names(self.body, self.debug, self.variables())
        for result, value in self.substitutes.items():
            if isinstance(value, ir.Local) and result in wanted:
                wanted.setdefault(value.name, wanted[result])
        made = [item.result for items in self.behind.values() for item in items]
        for block in self.body.blocks:
            made += [item.result for item in block.instructions if item.opcode != "alloca"]
        for name in made:
            if name is not None:
                self.renamed[name] = self.unique(wanted.get(name, name))

    def variables(self) -> dict[str, str]:
        """LLVM names of allocas and globals that hold one number -> their names in the source."""
        memories = {
            name: self.result.function.memories[self.renamed[name]]
            for block in self.body.blocks
            for item in block.instructions
            if item.opcode == "alloca" and (name := item.result) is not None
        }
        memories |= {name: self.storage.global_(name) for name in self.storage.module.globals}
        return {
            name: memory.name
            for name, memory in memories.items()
            if not memory.dimensions and len(memory.element.fields) == 1
        }

    def unique(self, name: str) -> str:
        """`name`, or with a number behind it where it is taken."""
        candidate, count = name, 0
        while candidate in self.taken:
            count += 1
            candidate = f"{name}.{count}"
        self.taken.add(candidate)
        return candidate

    def fresh(self) -> str:
        """A name that nothing has."""
        return self.unique("step")

    def location(self, instruction: syntax.Instruction) -> ir.Location | None:
        return self.debug.location(instruction.debug)

    def operand(self, value: syntax.Operand) -> ir.Value:
        """An operand under its final name."""
        while isinstance(value, ir.Local) and value.name in self.substitutes:
            value = self.substitutes[value.name]
        if isinstance(value, ir.Local):
            return ir.Local(self.renamed.get(value.name, value.name), value.type)
        if isinstance(value, ir.Global):
            self.result.globals.add(value.name)
        elif isinstance(value, ir.Address):
            self.result.globals.add(value.base.name)
        assert not isinstance(value, syntax.Zero | syntax.Aggregate), value
        return value

    def converted(self, instruction: ir.Instruction) -> ir.Instruction:
        """An instruction that `aggregates` made, with final names."""
        instruction.operands = tuple(map(self.operand, instruction.operands))
        if instruction.result is not None:
            instruction.result = self.renamed[instruction.result]
        return instruction

    # Memory and struct values -------------------------------------------------------------------

    def read_allocas(self) -> None:
        memories = self.result.function.memories
        taken: set[str] = set()
        for block in self.body.blocks:
            for instruction in block.instructions:
                if instruction.opcode != "alloca" or instruction.result is None:
                    continue
                assert instruction.element is not None
                declaration = self.body.declarations.get(instruction.result)
                memory = self.storage.local(
                    instruction.result, instruction.element, declaration, self.location(instruction)
                )
                base, count = memory.name, 1
                while memory.name in taken:
                    count += 1
                    memory.name = f"{base}_{count}"
                taken.add(memory.name)
                key = self.renamed[instruction.result] = self.unique(instruction.result)
                memories[key] = memory

    def take_structs_apart(self) -> None:
        def add(made: ir.Instruction, place: syntax.Instruction) -> None:
            self.behind.setdefault(id(place), []).append(made)

        aggregates = Aggregates(self.body, add, self.location)
        for block in self.body.blocks:
            for instruction in block.instructions:
                if instruction.opcode == "extractvalue":
                    assert instruction.result is not None
                    self.substitutes[instruction.result] = aggregates.element(
                        instruction.operands[0], instruction.index
                    )
                elif instruction.opcode == "ret" and instruction.operands:
                    self.returned[id(instruction)] = tuple(
                        aggregates.element(instruction.operands[0], index)
                        for index in range(len(self.kept.results))
                    )

    # Instructions -------------------------------------------------------------------------------

    def translate(self, instruction: syntax.Instruction) -> Iterator[ir.Instruction]:
        opcode = instruction.opcode
        of = instruction.type
        if opcode in ("alloca", "extractvalue", "insertvalue"):
            return
        if opcode == "call":
            yield from self.call(instruction)
            return
        if isinstance(of, ir.StructType):
            return  # taken apart
        if opcode == "ret":
            operands = tuple(map(self.operand, self.returned.get(id(instruction), ())))
            yield self.plain(instruction, operands)
            return
        if opcode not in _PASSED_ON:
            raise HlsError(
                "unsupported-operation",
                f"LLVM made a {opcode}, which has no hardware here: report this",
                self.location(instruction),
            )
        if step := self.streams.step(instruction, self.location(instruction)):
            port, inside = ir.Local(step[0], ir.PointerType()), step[1]
            made = self.plain(instruction, (port, ir.Constant(inside, ir.IntType(64))))
            made.element = ir.IntType(8)
            yield made
            return
        if opcode in _DIVISIONS and not isinstance(instruction.operands[1], ir.Constant):
            raise HlsError(
                "division",
                "dividing by a variable takes a divider: multiply by a reciprocal, or divide by a "
                "constant",
                self.location(instruction),
            )
        made = self.plain(instruction, tuple(map(self.operand, instruction.operands)))
        self.streams.check(instruction, self.location(instruction))
        if opcode == "mul":
            self.result.products.append((made, self.debug.chain(instruction.debug)))
        yield made

    def plain(
        self, instruction: syntax.Instruction, operands: tuple[ir.Value, ...]
    ) -> ir.Instruction:
        result = instruction.result
        return ir.Instruction(
            instruction.opcode,
            None if result is None else self.renamed.get(result, result),
            instruction.type,
            operands,
            instruction.blocks,
            instruction.cases,
            instruction.predicate,
            instruction.element,
            volatile=instruction.volatile,
            location=self.location(instruction),
        )

    def call(self, instruction: syntax.Instruction) -> Iterator[ir.Instruction]:
        callee = instruction.callee
        location = self.location(instruction)
        if intrinsics.has_no_effect(callee):
            return
        if callee == "__hls_reversed_range":
            raise HlsError(
                "reversed-range",
                "range(low, high) with low above high reverses bits, which is not supported: use "
                "reverse(), or constants with high first",
                location,
            )
        if callee.startswith("llvm.ubsantrap"):
            raise HlsError(
                "shift-amount",
                "a plain integer is shifted by an amount that may be negative or as large as its "
                "width: use ap_[u]int, whose shifts are defined for every amount, or mask it",
                location or self.branch_to(instruction),
            )
        operands = tuple(map(self.operand, instruction.operands))
        result = instruction.result
        if result is not None:
            result = self.renamed.get(result, result)
        if callee == "__hls_pipeline":
            yield ir.Instruction(
                "call", None, ir.VoidType(), operands, callee="pipeline", location=location
            )
        elif callee in self.names:
            yield ir.Instruction(
                "call",
                result,
                instruction.type,
                operands,
                callee=self.names[callee],
                location=location,
            )
        elif bulk.is_bulk(callee):
            yield from bulk.expand(
                instruction, operands, self.storage.module, location, self.fresh()
            )
        elif callee.startswith("llvm."):
            steps = None
            if result is not None and isinstance(instruction.type, ir.IntType):
                steps = intrinsics.expand(
                    callee, result, instruction.type, operands, location, self.fresh
                )
            if steps is None:
                raise HlsError(
                    "unsupported-operation",
                    f"LLVM made a call of {callee}, which has no hardware here: report this",
                    location,
                )
            yield from steps
        elif callee.startswith(_ALLOCATORS):
            raise HlsError(
                "dynamic-memory",
                "memory cannot be allocated at run time: declare an array",
                location,
            )
        else:
            raise HlsError(
                "unknown-function",
                f"{callee} is declared but not defined here: include its definition",
                location,
            )

    def branch_to(self, instruction: syntax.Instruction) -> ir.Location | None:
        """A line that leads to the block of an instruction without one."""
        blocks = [block for block in self.body.blocks if instruction in block.instructions]
        branches = [block.instructions[-1] for block in self.body.blocks]
        places = [self.location(item) for item in branches if blocks[0].name in item.blocks]
        return next((place for place in places if place), None)
