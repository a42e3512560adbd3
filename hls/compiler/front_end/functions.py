"""One optimised LLVM function as `ir.Function`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import bulk, intrinsics
from .aggregates import Aggregates
from .llvm import layout, syntax
from .llvm.debug_info import DebugInfo
from .splitting import Splitter
from .storage import StorageReader
from .value_form import KeptFunction, StreamBinding
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
        self.arrays: dict[str, StreamBinding] = {}
        self.elements: dict[str, tuple[StreamBinding, int]] = {}
        self.in_stream: set[str] = set()
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
        self.find_streams()
        self.read_allocas()
        self.take_structs_apart()
        self.rename_values()
        for block in self.body.blocks:
            instructions: list[ir.Instruction] = []
            for instruction in block.instructions:
                instructions += self.translate(instruction)
                instructions += map(self.converted, self.behind.get(id(instruction), []))
            self.result.function.blocks.append(ir.Block(block.name, instructions))
        self.split_structs()
        return self.result

    # Names --------------------------------------------------------------------------------------

    def bind_arguments(self) -> None:
        """LLVM's parameters get the names of the arguments; values that have them, others."""
        for parameter, binding in zip(self.body.parameters, self.kept.bindings, strict=True):
            if isinstance(binding, str):
                self.renamed[parameter.name] = binding
            elif len(binding.ports) == 1:
                self.renamed[parameter.name] = binding.ports[0].name
            else:
                self.elements[parameter.name] = (binding, 0)
                self.renamed[parameter.name] = binding.ports[0].name

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

    def split_structs(self) -> None:
        """Give each member of a struct variable a memory of its own, where that is possible."""
        function = self.result.function
        variables: list[tuple[ir.Local | ir.Global, ir.Memory]] = [
            (ir.Local(name, ir.PointerType()), memory) for name, memory in function.memories.items()
        ]
        variables += [
            (ir.Global(name), self.storage.global_(name)) for name in sorted(self.result.globals)
        ]
        for root, memory in variables:
            if id(memory) not in self.storage.structs:
                continue
            of = self.storage.structs[id(memory)].type
            splitter = Splitter(function, root, of, self.fresh)
            members = splitter.members()
            if members is None:
                continue
            roots: dict[str, ir.Local | ir.Global] = {}
            for member in members:
                part = self.storage.part(memory, member.path, member.offset, member.type)
                name = f"{root.name}.{member.path}"
                roots[member.path] = replace(root, name=name)
                if isinstance(root, ir.Local):
                    function.memories[name] = part
                else:
                    self.storage.globals[name] = part
                    self.result.globals.add(name)
            splitter.rewrite(roots)
            if isinstance(root, ir.Local):
                del function.memories[root.name]
            else:
                self.result.globals.discard(root.name)

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
        if opcode == "getelementptr" and self.is_stream_element(instruction):
            yield self.stream_element(instruction)
            return
        if opcode in _DIVISIONS and not isinstance(instruction.operands[1], ir.Constant):
            raise HlsError(
                "division",
                "dividing by a variable takes a divider: multiply by a reciprocal, or divide by a "
                "constant",
                self.location(instruction),
            )
        made = self.plain(instruction, tuple(map(self.operand, instruction.operands)))
        self.check_stream(instruction)
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

    def find_streams(self) -> None:
        """Collect the values that point into streams: steps from one, choices between several."""
        found = {
            parameter.name
            for parameter, binding in zip(self.body.parameters, self.kept.bindings, strict=True)
            if not isinstance(binding, str)
        }
        makers = [
            (instruction.result, _pointers(instruction))
            for block in self.body.blocks
            for instruction in block.instructions
            if instruction.result is not None
            and isinstance(instruction.type, ir.PointerType)
            and instruction.opcode in ("getelementptr", "phi", "select", "freeze")
        ]
        size = 0
        while size < len(found):
            size = len(found)
            found |= {name for name, sources in makers if sources & found}
        self.in_stream = found

    def check_stream(self, instruction: syntax.Instruction) -> None:
        """Streams are accessed by their methods, and nothing else is."""
        if instruction.opcode not in ("load", "store"):
            return
        address = instruction.operands[1 if instruction.opcode == "store" else 0]
        known = isinstance(address, ir.Local) and address.name in self.in_stream
        if known != instruction.volatile:
            raise HlsError(
                "stream-place",
                "a stream is declared outside a DATAFLOW function or copied: pass streams by "
                "reference, and call their methods",
                self.location(instruction),
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

    # Arrays of streams --------------------------------------------------------------------------

    def is_stream_element(self, instruction: syntax.Instruction) -> bool:
        address = instruction.operands[0]
        return isinstance(address, ir.Local) and address.name in self.elements

    def stream_element(self, instruction: syntax.Instruction) -> ir.Instruction:
        """An address inside an array of streams, as an address of one of its ports."""
        address, *indices = instruction.operands
        assert isinstance(address, ir.Local)
        assert instruction.element is not None and instruction.result is not None
        binding, offset = self.elements[address.name]
        constants = tuple(index.value for index in indices if isinstance(index, ir.Constant))
        if len(constants) < len(indices):
            raise self.stream_index(self.location(instruction))
        offset += layout.element_offset(instruction.element, constants)
        self.elements[instruction.result] = (binding, offset)
        index, inside = divmod(offset, binding.stride)
        port = ir.Local(binding.ports[index].name, ir.PointerType())
        made = self.plain(instruction, (port, ir.Constant(inside, ir.IntType(64))))
        made.element = ir.IntType(8)
        return made

    def stream_index(self, location: ir.Location | None) -> HlsError:
        return HlsError(
            "stream-index",
            "an array of streams is indexed by a variable: unroll the loop, or use conditions",
            location,
        )


def _pointers(instruction: syntax.Instruction) -> set[str]:
    """Values whose address an instruction passes on."""
    operands = instruction.operands
    if instruction.opcode == "getelementptr":
        operands = operands[:1]
    return {operand.name for operand in operands if isinstance(operand, ir.Local)}
