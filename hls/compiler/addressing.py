"""What a pointer points to: an object, a constant distance, and what is added to it at run time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .diagnostics import HlsError
from .ir import (
    Address,
    ArrayType,
    Constant,
    Global,
    Instruction,
    IntType,
    Local,
    Location,
    StructType,
    Type,
    Undefined,
    Value,
)
from .semantics import signed


@dataclass(frozen=True)
class Term:
    """`value`, a signed number, times `scale` bytes."""

    value: Value
    scale: int


@dataclass(frozen=True)
class Guard:
    """The pointer is this one where a condition holds.

    Either `condition` has the truth value `holds` (a select), or control came to block `target`
    from block `source` (a phi).
    """

    condition: Value | None = None
    holds: bool = True
    source: str = ""
    target: str = ""


@dataclass(frozen=True)
class Place:
    """`offset` bytes plus the terms into the object `base`, under all `guards`.

    `base` is `%name` of an argument or a local memory, or `@name` of a global one.
    """

    base: str
    offset: int = 0
    terms: tuple[Term, ...] = ()
    guards: tuple[Guard, ...] = ()


def size(kind: Type) -> int:
    """Bytes from one object of this type to the next, on x86-64."""
    if isinstance(kind, IntType):
        if kind.width > 64:
            return -(-kind.width // 128) * 16
        return 1 << (-(-kind.width // 8) - 1).bit_length()
    if isinstance(kind, ArrayType):
        return kind.count * size(kind.element)
    if isinstance(kind, StructType):
        return _fields(kind)[-1]
    return 8


def _alignment(kind: Type) -> int:
    if isinstance(kind, ArrayType):
        return _alignment(kind.element)
    if isinstance(kind, StructType):
        if kind.packed:
            return 1
        return max((_alignment(field) for field in kind.fields), default=1)
    return min(size(kind), 16)


def _fields(kind: StructType) -> list[int]:
    """Offset of every field, then the size of the whole."""
    offsets = []
    position = 0
    for field in kind.fields:
        alignment = 1 if kind.packed else _alignment(field)
        position = -(-position // alignment) * alignment
        offsets.append(position)
        position += size(field)
    alignment = _alignment(kind)
    return [*offsets, -(-position // alignment) * alignment]


class Pointers:
    """The places that the pointers of one function stand for.

    `definitions` has the instruction behind every local value, `objects` the names of arguments
    and local memories.
    """

    def __init__(self, definitions: Mapping[str, Instruction], objects: frozenset[str]) -> None:
        self._definitions = definitions
        self._objects = objects
        self._known: dict[str, tuple[Place, ...]] = {}

    def places(self, pointer: Value, location: Location | None) -> tuple[Place, ...]:
        """All the places that a pointer can stand for, by condition; usually one."""
        if isinstance(pointer, Global):
            return (Place(f"@{pointer.name}"),)
        if isinstance(pointer, Address):
            return (Place(f"@{pointer.base.name}", pointer.offset),)
        if isinstance(pointer, Undefined):
            return ()
        if not isinstance(pointer, Local):
            raise ValueError(f"{pointer} is no pointer")
        if pointer.name in self._objects:
            return (Place(f"%{pointer.name}"),)
        if pointer.name not in self._known:
            self._known[pointer.name] = ()  # where a loop comes round again
            self._known[pointer.name] = self._computed(pointer.name, location)
        return self._known[pointer.name]

    def _computed(self, name: str, location: Location | None) -> tuple[Place, ...]:
        instruction = self._definitions.get(name)
        if instruction is None:
            raise _not_an_array(location)
        location = instruction.location or location
        if instruction.opcode == "getelementptr":
            base, *indices = instruction.operands
            return tuple(
                _indexed(place, instruction, indices) for place in self.places(base, location)
            )
        if instruction.opcode == "freeze":
            return self.places(instruction.operands[0], location)
        if instruction.opcode == "select":
            condition, *choices = instruction.operands
            return tuple(
                replace(place, guards=(*place.guards, Guard(condition, holds)))
                for holds, choice in zip((True, False), choices, strict=True)
                for place in self.places(choice, location)
            )
        if instruction.opcode == "phi":
            return self._chosen_by_path(name, instruction, location)
        raise _not_an_array(location)

    def _chosen_by_path(
        self, name: str, instruction: Instruction, location: Location | None
    ) -> tuple[Place, ...]:
        found = []
        for source, choice in zip(instruction.blocks, instruction.operands, strict=True):
            places = self.places(choice, location)
            if not places and not isinstance(choice, Undefined):
                raise HlsError(
                    "pointer-arithmetic",
                    "a pointer is carried from one iteration to the next: index the array with "
                    "a counter instead",
                    location,
                )
            guard = Guard(source=source, target=name)
            found += [replace(place, guards=(*place.guards, guard)) for place in places]
        return tuple(found)


def _not_an_array(location: Location | None) -> HlsError:
    return HlsError(
        "pointer",
        "a pointer that is not the element of an array or struct: pass values, or index an array",
        location,
    )


def _indexed(place: Place, instruction: Instruction, indices: list[Value]) -> Place:
    kind = instruction.element
    if kind is None:
        raise ValueError("getelementptr without a type")
    offset = place.offset
    terms = list(place.terms)
    for position, index in enumerate(indices):
        if position and isinstance(kind, StructType):
            if not isinstance(index, Constant):
                raise ValueError("a struct's field is no constant")
            offset += _fields(kind)[index.value]
            kind = kind.fields[index.value]
            continue
        if position:
            if not isinstance(kind, ArrayType):
                raise ValueError(f"getelementptr indexes {kind}")
            kind = kind.element
        if isinstance(index, Constant):
            offset += signed(index.value, index.type.width) * size(kind)
        elif not isinstance(index, Undefined):
            terms.append(Term(index, size(kind)))
    return replace(place, offset=offset, terms=tuple(terms))
