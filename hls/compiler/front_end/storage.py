"""Arrays and variables that stayed in memory, with their C++ layout and what pragmas say."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import pragmas
from .annotations import Annotations, VariableName, VariableNote
from .llvm import layout, syntax
from .llvm.cpp_types import CppType, payload
from .llvm.debug_info import DebugInfo


@dataclass(frozen=True)
class Struct:
    """A struct variable: its type, and pragmas about it and its members."""

    type: CppType
    notes: list[VariableNote]


class StorageReader:
    """Makes `ir.Memory` from allocas and globals; `used` collects the notes that found one."""

    def __init__(self, module: syntax.Module, debug: DebugInfo, notes: Annotations) -> None:
        self.module = module
        self.debug = debug
        self.notes = notes
        self.globals: dict[str, ir.Memory] = {}
        self.structs: dict[int, Struct] = {}

    def local(
        self,
        alloca: str,
        of: ir.Type,
        declaration: syntax.Declaration | None,
        location: ir.Location | None,
    ) -> ir.Memory:
        """The memory of an alloca.

        Raises:
            HlsError: what it holds has no hardware layout.
        """
        cpp = _of_llvm(of, alloca)
        name = _last_word(alloca)
        found: list[VariableNote] = []
        if declaration is not None:
            node = self.debug.node(declaration.variable)
            name = node.text("name") or name
            location = self.debug.line_of(node) or location
            whole = self.debug.type(node.reference("type"))
            if _holds_stream(whole):
                raise HlsError(
                    "stream-place",
                    f"stream {name} is declared outside a DATAFLOW function: declare it in one, "
                    "and pass it to the two processes that it joins",
                    location,
                )
            start, size = _fragment(declaration.expression, whole.size)
            part = _part(whole, start, size)
            if part is not None and part.size == cpp.size:
                cpp = part
            found = self.notes_on(self.debug.variable_key(declaration.variable), start, size)
        memory = self.memory(name, cpp, found, location)
        self.remember(memory, cpp, found)
        return memory

    def global_(self, name: str) -> ir.Memory:
        """The memory of a global object, the same one every time."""
        if name not in self.globals:
            self.globals[name] = self._global(name)
        return self.globals[name]

    def _global(self, name: str) -> ir.Memory:
        item = self.module.globals[name]
        cpp = _of_llvm(item.type, name)
        readable, location, start = _last_word(name), None, 0
        for number in item.debug:
            expression = self.debug.node(number)
            variable = self.debug.node(expression.reference("var"))
            readable = variable.text("name") or readable
            location = self.debug.line_of(variable)
            whole = self.debug.type(variable.reference("type"))
            start, size = _fragment(expression.fields.get("expr", ""), whole.size)
            part = _part(whole, start, size)
            if part is not None and part.size == cpp.size:
                cpp = part
        found = self.notes_on(name, start, cpp.size)
        memory = self.memory(readable, cpp, found, location)
        memory.constant = item.constant
        memory.static = not item.constant
        memory.initial = _initial(item, memory)
        if not memory.constant:
            self.remember(memory, cpp, found)
        return memory

    def remember(self, memory: ir.Memory, of: CppType, notes: list[VariableNote]) -> None:
        """Keep what is needed to split a struct variable into its members."""
        while of.kind == "struct" and len(of.members) == 1:
            of = of.members[0][2]
        if of.kind == "struct":
            self.structs[id(memory)] = Struct(of, notes)

    def part(self, whole: ir.Memory, name: str, offset: int, of: CppType) -> ir.Memory:
        """The memory of a member, `offset` bytes into a struct variable.

        Pragmas on the struct itself are about all members.
        """
        end = offset + of.size // 8
        notes = [note for note in self.structs[id(whole)].notes if note.is_about(offset, end)]
        memory = self.memory(f"{whole.name}_{name}", of, notes, whole.location)
        memory.static = whole.static
        if whole.initial is not None:
            memory.initial = tuple(
                value
                for field, value in zip(whole.element.fields, whole.initial, strict=True)
                if 8 * offset <= field.offset < 8 * end
            )
        return memory

    def notes_on(self, name: VariableName, start: int, size: int) -> list[VariableNote]:
        """Notes on the bits [start, start + size) of a variable."""
        return [
            note
            for note in self.notes.variables.get(name, [])
            if note.is_about(start // 8, (start + size) // 8)
        ]

    def memory(
        self, name: str, cpp: CppType, notes: Iterable[VariableNote], location: ir.Location | None
    ) -> ir.Memory:
        dimensions, element = _shape(cpp)
        memory = ir.Memory(name, dimensions, payload(element, location), location=location)
        for note in notes:
            _apply(memory, note)
        return memory


def _apply(memory: ir.Memory, note: VariableNote) -> None:
    pragma = note.pragma
    if pragma.name == "ARRAY_PARTITION":
        partition = ir.Partition(
            pragma["type"] or "complete", note.numbers.get("dim", 1), note.numbers.get("factor", 0)
        )
        if not 0 <= partition.dimension <= max(1, len(memory.dimensions)):
            raise HlsError(
                "pragma-option",
                f"#pragma HLS ARRAY_PARTITION dim={partition.dimension}: {memory.name} has "
                f"{len(memory.dimensions)} dimension(s)",
                pragma.location,
            )
        memory.partitions += (partition,)
    elif pragma.name == "BIND_STORAGE":
        memory.storage = "rom" if pragma["type"].startswith("rom") else ""
        if pragma["impl"] not in ("", "auto"):
            memory.storage = pragma["impl"]
        memory.latency = note.numbers.get("latency", 0)
    elif pragma.name == "RESOURCE":
        memory.storage = pragmas.storage_of_core(pragma)
        memory.latency = note.numbers.get("latency", 0)
    elif pragma.name == "DEPENDENCE":
        if "distance" in note.numbers:
            memory.distance = note.numbers["distance"]
        else:
            memory.no_dependence |= {pragma["type"]}
    elif pragma.name == "STREAM":
        raise HlsError("pragma-variable", f"{memory.name} is no stream", pragma.location)


def _shape(of: CppType) -> tuple[tuple[int, ...], CppType]:
    """C++ dimensions and the element; a struct around one array counts as the array."""
    dimensions: list[int] = []
    while True:
        if of.kind == "array" and of.element is not None:
            dimensions.append(of.count)
            of = of.element
        elif not dimensions and of.kind == "struct" and len(of.members) == 1:
            of = of.members[0][2]
        else:
            return tuple(dimensions), of


def _fragment(expression: str, size: int) -> tuple[int, int]:
    """First bit and number of bits that a DIExpression is about."""
    match = re.search(r"DW_OP_LLVM_fragment, (\d+), (\d+)", expression)
    return (int(match[1]), int(match[2])) if match else (0, size)


def _part(of: CppType, start: int, size: int) -> CppType | None:
    """The member or element that takes exactly these bits."""
    while (start, size) != (0, of.size) and of.size:
        element = of.element
        if of.kind == "array" and element is not None and element.size:
            index = start // element.size
            if start + size > (index + 1) * element.size:
                return None
            of, start = element, start - index * element.size
        elif of.kind == "struct":
            inside = [
                (offset, member)
                for _, offset, member in of.members
                if offset <= start and start + size <= offset + member.size
            ]
            if not inside:
                return None
            start, of = start - inside[0][0], inside[0][1]
        else:
            return None
    return of


def _of_llvm(of: ir.Type, name: str) -> CppType:
    """The best guess at a C++ type where debug information is silent."""
    size = 8 * layout.size(of)
    match of:
        case ir.IntType(width):
            return CppType("integer", f"i{width}", size, width, False)
        case ir.ArrayType(count, element):
            inner = _of_llvm(element, name)
            return CppType("array", f"{inner.name}[]", size, element=inner, count=count)
        case ir.StructType(fields, _):
            members = tuple(
                (f"field_{index}", 8 * layout.field_offset(of, index), _of_llvm(field, name))
                for index, field in enumerate(fields)
            )
            return CppType("struct", name, size, members=members)
        case _:
            return CppType("other", "pointer", size)


def _holds_stream(of: CppType) -> bool:
    if of.kind == "array" and of.element is not None:
        return _holds_stream(of.element)
    return of.kind == "stream" or any(_holds_stream(member) for _, _, member in of.members)


def _last_word(name: str) -> str:
    """The readable part of an LLVM name."""
    words = re.findall(r"[A-Za-z_]\w*", name)
    return words[0] if words else "memory"


def image(item: syntax.Global) -> bytes | None:
    """The bytes of a global when the program starts; None where they do not matter."""
    if item.initial is None or isinstance(item.initial, ir.Undefined):
        return None
    content = bytearray(layout.size(item.type))
    for offset, value, width in _pieces(item.initial, item.type, 0):
        length = (width + 7) // 8
        content[offset : offset + length] = value.to_bytes(length, "little")
    return bytes(content)


def _initial(item: syntax.Global, memory: ir.Memory) -> tuple[int, ...] | None:
    """Values of all fields of all elements."""
    content = image(item)
    if content is None:
        return None
    count = math.prod(memory.dimensions)
    stride = memory.element.memory_width // 8
    values = []
    for index in range(count):
        for field in memory.element.fields:
            start = index * stride + field.offset // 8
            bits = int.from_bytes(content[start : start + field.memory_width // 8], "little")
            values.append(bits & ((1 << field.width) - 1))
    return tuple(values)


def _pieces(value: syntax.Initial, of: ir.Type, offset: int) -> Iterator[tuple[int, int, int]]:
    """(byte offset, value, width) of every integer that is not zero."""
    if isinstance(value, ir.Constant):
        yield offset, value.value, value.type.width
    elif isinstance(value, syntax.Aggregate):
        for index, element in enumerate(value.elements):
            if isinstance(of, ir.ArrayType):
                yield from _pieces(element, of.element, offset + index * layout.size(of.element))
            elif isinstance(of, ir.StructType):
                start = offset + layout.field_offset(of, index)
                yield from _pieces(element, of.fields[index], start)
    elif not isinstance(value, syntax.Zero | ir.Undefined):
        raise HlsError("pointer", "a constant holds an address: store an index instead")
