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

_DEEPEST = 6
"""Instructions that are looked through for known bits."""

_MOST_ZEROS = 64


@dataclass(frozen=True)
class Term:
    """`value` >> `shift`, times `scale` bytes.

    The value is a signed number, or one bit, 0 or 1; the bits that are shifted out are zero.
    """

    value: Value
    scale: int
    shift: int = 0


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
            offset, terms = self._distance(instruction)
            return tuple(
                replace(place, offset=place.offset + offset, terms=(*place.terms, *terms))
                for place in self.places(instruction.operands[0], location)
            )
        if instruction.opcode == "freeze":
            return self.places(instruction.operands[0], location)
        if instruction.opcode == "select":
            return self._chosen(instruction, location)
        if instruction.opcode == "phi":
            return self._chosen_by_path(name, instruction, location)
        raise _not_an_array(location)

    def _chosen(self, instruction: Instruction, location: Location | None) -> tuple[Place, ...]:
        """Of a select: two places, or one whose distance depends on the condition."""
        condition, *choices = instruction.operands
        taken, other = (self.places(choice, location) for choice in choices)
        if len(taken) == len(other) == 1:
            difference = taken[0].offset - other[0].offset
            if difference and taken[0] == replace(other[0], offset=taken[0].offset):
                return (replace(other[0], terms=(*other[0].terms, Term(condition, difference))),)
        return tuple(
            replace(place, guards=(*place.guards, Guard(condition, holds)))
            for holds, places in ((True, taken), (False, other))
            for place in places
        )

    def _distance(self, instruction: Instruction) -> tuple[int, list[Term]]:
        """Bytes that a getelementptr adds: a constant and terms."""
        kind = instruction.element
        if kind is None:
            raise ValueError("getelementptr without a type")
        offset = 0
        terms: list[Term] = []
        for position, index in enumerate(instruction.operands[1:]):
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
            offset += self._add_terms(index, size(kind), terms)
        return offset, terms

    def _add_terms(self, index: Value, scale: int, terms: list[Term]) -> int:
        """Split index * scale into terms -> the constant part.

        Sums and multiples of address-wide numbers are exact modulo 2^64, as addresses are.
        """
        if isinstance(index, Undefined):
            return 0
        if isinstance(index, Constant):
            return signed(index.value, index.type.width) * scale
        choice = self._choice(index)
        if choice:
            condition, taken, other = choice
            if taken != other:
                terms.append(Term(condition, (taken - other) * scale))
            return other * scale
        definition = self._definition(index)
        if definition is not None and definition.type == IntType(64):
            first, *others = definition.operands
            factor = others[-1] if others else None
            if definition.opcode == "add":
                return sum(self._add_terms(x, scale, terms) for x in definition.operands)
            if definition.opcode == "mul" and isinstance(factor, Constant):
                return self._add_terms(first, scale * _number(factor), terms)
            if definition.opcode == "shl" and isinstance(factor, Constant):
                return self._add_terms(first, scale << factor.value, terms)
        zeros = 0
        if isinstance(index, Local) and isinstance(index.type, IntType):
            zeros = min(self._low_zeros(index, _DEEPEST), index.type.width - 1)
        terms.append(Term(index, scale << zeros, zeros))
        return 0

    def _low_zeros(self, value: Value, depth: int) -> int:
        """How many low bits of a number are known to be zero; few where it is zero itself."""
        if isinstance(value, Constant):
            lowest = value.value & -value.value
            return lowest.bit_length() - 1 if lowest else _MOST_ZEROS
        definition = self._definition(value)
        if definition is None or depth == 0:
            return 0
        opcode, operands = definition.opcode, definition.operands
        if opcode in ("shl", "lshr", "ashr"):
            amount = operands[1]
            if not isinstance(amount, Constant):
                return 0
            zeros = self._low_zeros(operands[0], depth - 1)
            return zeros + amount.value if opcode == "shl" else max(0, zeros - amount.value)
        if opcode in ("zext", "sext", "trunc", "freeze"):
            return self._low_zeros(operands[0], depth - 1)
        if opcode == "select":
            operands = operands[1:]
        elif opcode not in ("add", "sub", "or", "xor", "and", "mul"):
            return 0
        known = [self._low_zeros(operand, depth - 1) for operand in operands]
        if opcode == "mul":
            return sum(known)
        return max(known) if opcode == "and" else min(known)

    def _choice(self, index: Value) -> tuple[Value, int, int] | None:
        """(condition, number if true, number if false) of a choice between constants."""
        definition = self._definition(index)
        is_signed = True
        if definition is not None and definition.opcode in ("zext", "sext"):
            is_signed = definition.opcode == "sext"
            definition = self._definition(definition.operands[0])
        if definition is None or definition.opcode != "select":
            return None
        condition, taken, other = definition.operands
        if not isinstance(taken, Constant) or not isinstance(other, Constant):
            return None
        return condition, _number(taken, is_signed), _number(other, is_signed)

    def _definition(self, value: Value) -> Instruction | None:
        return self._definitions.get(value.name) if isinstance(value, Local) else None

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


def _number(constant: Constant, is_signed: bool = True) -> int:
    return signed(constant.value, constant.type.width) if is_signed else constant.value
