"""Where the arrays of a function live: in registers, one per element, or in memory blocks.

An array whose elements are all told apart by constants, that is fully partitioned, tiny, or small
and accessed at several places at once becomes `Variables`: its values travel through phis and
registers like those of any other variable. Everything else becomes one or more `Storage`s with
addresses. Fields of a struct that are always stored together share the words of one storage.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .addressing import Place, Pointers, Term
from .banks import Banks
from .diagnostics import HlsError
from .graph import Storage
from .ir import Address, Block, Function, Global, Instruction, IntType, Memory, Module, Value
from .layout import Layout
from .names import Names
from .semantics import mask

_MOST_VARIABLES = 4096
"""More registers than that are refused."""

_TINY_BITS = 64
"""Arrays up to this size are registers also where they are indexed at run time."""

_SMALL = 128
"""Fields up to which an array that needs several ports is registers."""

_LUTRAM_DEPTH = 64
"""Up to this depth LUT RAM is smaller than a block RAM."""


@dataclass(eq=False)
class Variable:
    """One field of one element, held in a register.

    Attributes:
        name: legal and unique in the process.
        width, signed: as declared.
        initial: at power-on, or None.
        static: keeps its value between calls.
    """

    name: str
    width: int
    signed: bool
    initial: int | None
    static: bool


@dataclass(eq=False)
class Variables:
    """A memory as registers: `cells[element * number of fields + field]`."""

    memory: Memory
    layout: Layout
    cells: list[Variable]


@dataclass(eq=False)
class Group:
    """Fields of an element that share the words of one storage.

    `fields` maps the number of a field (of the layout) to its lowest bit in the word.
    """

    storage: Storage
    fields: dict[int, int]


@dataclass(eq=False)
class Stored:
    """A memory as storages.

    `group_of` maps the number of a field to its group.
    """

    memory: Memory
    layout: Layout
    banks: Banks
    groups: list[Group]
    group_of: dict[int, Group]


Home = Variables | Stored


@dataclass(frozen=True)
class SplitPlace:
    """A place as an element, and bits inside it.

    Attributes:
        element: number of the constant part. outer: terms that choose the element.
        bit: constant offset inside the element. inner: terms that choose a field.
    """

    element: int
    outer: tuple[Term, ...]
    bit: int
    inner: tuple[Term, ...]


def split_place(place: Place, layout: Layout) -> SplitPlace:
    """Terms of whole elements choose an element, all others a field inside it."""
    stride = layout.stride // 8
    element, byte = divmod(place.offset, stride)
    return SplitPlace(
        element,
        tuple(term for term in place.terms if term.scale % stride == 0),
        byte * 8,
        tuple(term for term in place.terms if term.scale % stride),
    )


@dataclass(frozen=True)
class _Access:
    place: Place
    width: int
    store: bool
    block: str


def width_of(value: Value | Instruction) -> int:
    """Bits of an integer."""
    if isinstance(value, (Global, Address)) or not isinstance(value.type, IntType):
        raise ValueError(f"{value} is no integer")
    return value.type.width


def homes(function: Function, module: Module, pointers: Pointers, names: Names) -> dict[str, Home]:
    """Place.base -> home, for every memory that the function uses."""
    memories = {f"%{name}": memory for name, memory in function.memories.items()}
    memories |= {f"@{name}": memory for name, memory in module.memories.items()}
    accesses = _accesses(function.blocks, pointers, memories)
    found: dict[str, Home] = {}
    for key, memory in memories.items():
        used = accesses.get(key)
        if not used:
            continue
        layout = Layout(memory)
        if function.kind == "module" and memory.static and not memory.constant:
            raise HlsError(
                "module-state",
                f"`{function.name}`, which is kept as a module, has the state {memory.name}: "
                "pass the state in and out, or drop INLINE off",
                memory.location,
            )
        if _is_variable(function, memory, layout, used):
            found[key] = _variables(memory, layout, names)
        else:
            found[key] = _stored(memory, layout, used, names)
    return found


def _accesses(
    blocks: Iterable[Block], pointers: Pointers, memories: Mapping[str, Memory]
) -> dict[str, list[_Access]]:
    """Loads and stores of every memory, in program order."""
    found: dict[str, list[_Access]] = {}
    for block in blocks:
        for instruction in block.instructions:
            if instruction.opcode not in ("load", "store"):
                continue
            store = instruction.opcode == "store"
            pointer = instruction.operands[-1]
            width = width_of(instruction.operands[0]) if store else width_of(instruction)
            for place in pointers.places(pointer, instruction.location):
                if place.base in memories:
                    access = _Access(place, width, store, block.name)
                    found.setdefault(place.base, []).append(access)
    return found


def _is_variable(
    function: Function, memory: Memory, layout: Layout, accesses: Sequence[_Access]
) -> bool:
    if memory.constant:
        return False
    if memory.storage:
        return memory.storage == "register"
    if function.kind == "module" or not memory.dimensions:
        return True
    split = {item.dimension for item in memory.partitions if item.kind == "complete"}
    if 0 in split or all(
        number in split or count == 1 for number, count in enumerate(memory.dimensions, start=1)
    ):
        return True
    if layout.bits <= _TINY_BITS:
        return True
    fields = layout.count * len(layout.fields)
    if not memory.partitions and fields <= _SMALL and _needs_ports(layout, accesses):
        return True
    return fields <= _MOST_VARIABLES and all(not access.place.terms for access in accesses)


def _needs_ports(layout: Layout, accesses: Sequence[_Access]) -> bool:
    """A block loads, or stores, several elements."""
    touched: dict[tuple[str, bool], set[ElementKey]] = {}
    for access in accesses:
        elements = touched.setdefault((access.block, access.store), set())
        elements.update(key for key, _ in touched_fields(layout, access.place, access.width))
    return any(len(elements) > 1 for elements in touched.values())


def _element_name(memory: Memory, element: int) -> str:
    indices = []
    for count in reversed(memory.dimensions):
        element, index = divmod(element, count)
        indices.append(index)
    return "".join([memory.name, *(f"[{index}]" for index in reversed(indices))])


def _variables(memory: Memory, layout: Layout, names: Names) -> Variables:
    count = layout.count * len(layout.fields)
    if count > _MOST_VARIABLES:
        raise HlsError(
            "too-many-registers",
            f"{memory.name} would be {count} registers (at most {_MOST_VARIABLES}): partition "
            "it less, or bind it to a memory with BIND_STORAGE",
            memory.location,
        )
    cells = []
    for element in range(layout.count):
        name = _element_name(memory, element)
        for number, field in enumerate(layout.fields):
            initial = None
            if memory.initial is not None:
                index = element * len(layout.fields) + layout.numbers[number]
                initial = memory.initial[index] & mask(field.width)
            full = f"{name}.{field.name}" if field.name else name
            cells.append(
                Variable(names.unique(full), field.width, field.signed, initial, memory.static)
            )
    return Variables(memory, layout, cells)


# Storages ---------------------------------------------------------------------------------------


def _stored(memory: Memory, layout: Layout, accesses: Sequence[_Access], names: Names) -> Stored:
    banks = Banks(memory)
    groups = []
    for numbers in _together(layout, accesses, memory.constant):
        positions = {}
        width = 0
        for number in numbers:
            positions[number] = width
            width += layout.fields[number].width
        storage = _storage(memory, layout, banks, numbers, width, names)
        groups.append(Group(storage, positions))
    group_of = {number: group for group in groups for number in group.fields}
    return Stored(memory, layout, banks, groups, group_of)


def _together(layout: Layout, accesses: Sequence[_Access], constant: bool) -> list[tuple[int, ...]]:
    """Fields that every store (of a table: every load) touches all together or not at all."""
    signatures: dict[int, list[int]] = {number: [] for number in range(len(layout.fields))}
    for site, touched in enumerate(_sites(layout, accesses, constant)):
        for number in touched:
            signatures[number].append(site)
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, signature in signatures.items():
        groups.setdefault(tuple(signature), []).append(number)
    return [tuple(numbers) for numbers in groups.values()]


def _sites(layout: Layout, accesses: Sequence[_Access], constant: bool) -> list[frozenset[int]]:
    """Field numbers of one element that are stored one after the other in one block."""
    sites: list[frozenset[int]] = []
    current: set[int] = set()
    current_key: object = None
    for access in accesses:
        if access.store is constant:
            current_key = None
            continue
        for key, touched in touched_fields(layout, access.place, access.width):
            whole = (access.block, key, access.place.guards)
            if whole != current_key or touched & current:
                sites.append(frozenset(current))
                current = set()
            current, current_key = current | touched, whole
    return [site for site in [*sites, frozenset(current)] if site]


ElementKey = tuple[int, tuple[Term, ...]]
"""Names an element: number of the constant part, terms that are added."""


def touched_fields(
    layout: Layout, place: Place, width: int
) -> list[tuple[ElementKey, frozenset[int]]]:
    """The elements that an access of `width` bits reaches, with the fields in each.

    Where a field is chosen at run time every field is by itself.
    """
    split = split_place(place, layout)
    if split.inner:
        key = split.element, (*split.outer, *split.inner)
        return [(key, frozenset([number])) for number in range(len(layout.fields))]
    found: dict[int, set[int]] = {}
    for piece in layout.pieces(split.bit, width, bounded=False):
        found.setdefault(split.element + piece.element, set()).add(piece.field)
    return [((element, split.outer), frozenset(fields)) for element, fields in found.items()]


def _storage(
    memory: Memory,
    layout: Layout,
    banks: Banks,
    numbers: Sequence[int],
    width: int,
    names: Names,
) -> Storage:
    kind = _kind(memory, banks.depth)
    latency = memory.latency
    if kind == "rom":
        latency = latency or int(banks.depth > _LUTRAM_DEPTH)
    elif kind in ("bram", "uram"):
        latency = max(latency, 2 if kind == "uram" and not memory.latency else 1)
    name = memory.name
    if len(numbers) < len(layout.fields):
        name = f"{name}.{layout.fields[numbers[0]].name}"
    initial = None
    if memory.initial is not None:
        initial = _initial(memory, layout, banks, numbers)
        if kind == "uram" and any(word for bank in initial for word in bank):
            raise HlsError(
                "uram-initial",
                f"{memory.name} has initial values, which UltraRAM cannot hold: bind it to bram",
                memory.location,
            )
    return Storage(
        memory,
        names.unique(name),
        width,
        banks.depth,
        banks.count,
        kind,
        initial,
        latency,
        banks.partitions,
    )


def _kind(memory: Memory, depth: int) -> str:
    if memory.constant:
        return "rom"
    if memory.storage and memory.storage != "rom":
        return memory.storage
    return "lutram" if depth <= _LUTRAM_DEPTH else "bram"


def _initial(
    memory: Memory, layout: Layout, banks: Banks, numbers: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    assert memory.initial is not None
    words = [[0] * banks.depth for _ in range(banks.count)]
    for element in range(layout.count):
        word, position = 0, 0
        for number in numbers:
            width = layout.fields[number].width
            index = element * len(layout.fields) + layout.numbers[number]
            word |= (memory.initial[index] & mask(width)) << position
            position += width
        bank, address = banks.of_element(element)
        words[bank][address] = word
    return tuple(tuple(bank) for bank in words)
