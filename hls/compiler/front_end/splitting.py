"""Struct variables become one memory for each member, as far as accesses tell members apart.

An object of a class that holds a RAM beside some numbers stays one block of memory in LLVM,
because the RAM is indexed by a variable. Here every access to it belongs to one member.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from m3vit.hls.compiler import ir

from .llvm import layout
from .llvm.cpp_types import CppType
from .storage import StorageReader

_BYTE_INDEX = ir.IntType(64)


@dataclass(frozen=True)
class Member:
    """A number or an array inside a struct: its path, its first byte, its type."""

    path: str
    offset: int
    type: CppType

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.type.size // 8


@dataclass(frozen=True)
class _Pointer:
    """`offset` bytes into the variable, plus what is added at run time if it is `moving`."""

    offset: int
    moving: bool


def split_structs(
    function: ir.Function, globals_used: set[str], storage: StorageReader, fresh: Callable[[], str]
) -> None:
    """Give each member of a struct variable a memory of its own, where that is possible.

    Args:
        globals_used: names of the global memories that the function accesses; is changed too.
        fresh: makes names for new pointers.
    """
    variables: list[tuple[ir.Local | ir.Global, ir.Memory]] = [
        (ir.Local(name, ir.PointerType()), memory) for name, memory in function.memories.items()
    ]
    variables += [(ir.Global(name), storage.global_(name)) for name in sorted(globals_used)]
    for root, memory in variables:
        if id(memory) not in storage.structs:
            continue
        splitter = Splitter(function, root, storage.structs[id(memory)].type, fresh)
        members = splitter.members()
        if members is None:
            continue
        roots: dict[str, ir.Local | ir.Global] = {}
        for member in members:
            part = storage.part(memory, member.path, member.offset, member.type)
            roots[member.path] = replace(root, name=f"{root.name}.{member.path}")
            if isinstance(root, ir.Local):
                function.memories[roots[member.path].name] = part
            else:
                storage.globals[roots[member.path].name] = part
                globals_used.add(roots[member.path].name)
        splitter.rewrite(roots)
        if isinstance(root, ir.Local):
            del function.memories[root.name]
        else:
            globals_used.discard(root.name)


class Splitter:
    """Splits one variable of one function.

    Args:
        function: whose accesses are looked at and rewritten.
        root: the variable. of: its type, a struct.
        fresh: makes names for new pointers.
    """

    def __init__(
        self,
        function: ir.Function,
        root: ir.Local | ir.Global,
        of: CppType,
        fresh: Callable[[], str],
    ) -> None:
        self.function = function
        self.root = root
        self.of = of
        self.fresh = fresh
        self.pointers: dict[str, _Pointer] = {}

    def members(self) -> list[Member] | None:
        """Members that are accessed, or None where one access may concern several."""
        self._find_pointers()
        found: dict[str, Member] = {}
        for instruction in self._instructions():
            for position, operand in enumerate(instruction.operands):
                pointer = self._pointer(operand)
                if pointer is None:
                    continue
                member = self._used_by(instruction, position, pointer)
                if member is None:
                    return None
                found[member.path] = member
        return list(found.values())

    def rewrite(self, roots: dict[str, ir.Local | ir.Global]) -> None:
        """Let every access start from the memory of its member (by path)."""
        for block in self.function.blocks:
            rewritten: list[ir.Instruction] = []
            for instruction in block.instructions:
                operands = list(instruction.operands)
                for position, operand in enumerate(operands):
                    pointer = self._pointer(operand)
                    if pointer is None:
                        continue
                    member = self._used_by(instruction, position, pointer)
                    assert member is not None
                    base, steps = self._based(operand, pointer, member, roots[member.path])
                    rewritten += [replace(step, location=instruction.location) for step in steps]
                    operands[position] = base
                instruction.operands = tuple(operands)
                rewritten.append(instruction)
            block.instructions = rewritten

    def _instructions(self) -> Iterator[ir.Instruction]:
        for block in self.function.blocks:
            yield from block.instructions

    def _pointer(self, value: ir.Value) -> _Pointer | None:
        """What a value points to in the variable, or None."""
        if isinstance(value, ir.Local) and value.name in self.pointers:
            return self.pointers[value.name]
        if isinstance(value, ir.Address) and value.base == self.root:
            return _Pointer(value.offset, False)
        if isinstance(value, ir.Local | ir.Global) and (type(value), value.name) == (
            type(self.root),
            self.root.name,
        ):
            return _Pointer(0, False)
        return None

    def _find_pointers(self) -> None:
        changed = True
        while changed:
            changed = False
            for instruction in self._instructions():
                if instruction.opcode != "getelementptr" or instruction.result is None:
                    continue
                base = self._pointer(instruction.operands[0])
                if base is not None and instruction.result not in self.pointers:
                    self.pointers[instruction.result] = _step(base, instruction)
                    changed = True

    def _used_by(
        self, instruction: ir.Instruction, position: int, pointer: _Pointer
    ) -> Member | None:
        """The member that an instruction means by a pointer."""
        if instruction.opcode == "getelementptr" and position == 0:
            assert instruction.result is not None
            inner = self.pointers[instruction.result]
            member = self._member(inner)
            same = pointer.moving and self._member(pointer) != member
            return None if same else member
        if instruction.opcode == "load" or (instruction.opcode == "store" and position == 1):
            of = instruction.type
            if instruction.opcode == "store":
                of = _type_of(instruction.operands[0])
            member = self._member(pointer)
            fits = member is not None and pointer.offset + layout.size(of) <= member.end
            return member if fits or (member is not None and pointer.moving) else None
        return None  # compared, chosen or stored

    def _member(self, pointer: _Pointer) -> Member | None:
        of, offset, path = self.of, 0, ""
        while of.kind == "struct":
            inside = [
                (name, offset + start // 8, inner)
                for name, start, inner in of.members
                if offset + start // 8 <= pointer.offset < offset + (start + inner.size) // 8
            ]
            if not inside:
                return None
            name, offset, of = inside[0]
            path = f"{path}_{name}" if path and name else path or name
        if pointer.moving and of.kind != "array":
            return None
        return Member(path, offset, of)

    def _based(
        self, value: ir.Value, pointer: _Pointer, member: Member, root: ir.Local | ir.Global
    ) -> tuple[ir.Value, list[ir.Instruction]]:
        """The pointer, starting from the member's memory, and instructions that make it."""
        known = isinstance(value, ir.Local) and value.name in self.pointers
        if known and self._member(pointer) == member:
            return value, []
        distance = pointer.offset - member.offset
        if distance == 0:
            return root, []
        name = self.fresh()
        step = ir.Instruction(
            "getelementptr",
            name,
            ir.PointerType(),
            (root, ir.Constant(distance % (1 << _BYTE_INDEX.width), _BYTE_INDEX)),
            element=ir.IntType(8),
        )
        return ir.Local(name, ir.PointerType()), [step]


def _step(base: _Pointer, instruction: ir.Instruction) -> _Pointer:
    """Where a getelementptr leads."""
    of = instruction.element
    assert of is not None
    offset, moving = base.offset, base.moving
    for number, index in enumerate(instruction.operands[1:]):
        scale = layout.size(of)
        if number:
            if isinstance(of, ir.StructType):
                assert isinstance(index, ir.Constant)
                offset += layout.field_offset(of, index.value)
                of = of.fields[index.value]
                continue
            assert isinstance(of, ir.ArrayType)
            of = of.element
            scale = layout.size(of)
        if isinstance(index, ir.Constant):
            sign = 1 << (index.type.width - 1)
            offset += ((index.value ^ sign) - sign) * scale
        else:
            moving = True
    return _Pointer(offset, moving)


def _type_of(value: ir.Value) -> ir.Type:
    return ir.PointerType() if isinstance(value, ir.Global | ir.Address) else value.type
