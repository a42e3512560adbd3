"""Loads and stores of one region: variables change hands, storages get accesses with addresses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from .addressing import Place, Term
from .banks import Index, Spot, bits_for, linear
from .builder import GraphBuilder
from .diagnostics import HlsError
from .graph import Node
from .ir import Location, Value
from .layout import Layout, Piece
from .memories import ElementKey, Group, Home, Stored, Variable, Variables, split_place


@dataclass(eq=False)
class _Word:
    """A word of a storage of which some fields have been stored."""

    group: Group
    predicate: Node
    fields: dict[int, Node]


@dataclass(frozen=True)
class _Element:
    """What an access reaches in a storage.

    Attributes:
        spot: distance in elements -> where that element lies.
        index: which of `offsets`, in bits from the start of the element, it is; None: the only.
    """

    spot: Callable[[int], Spot]
    index: Node | None
    offsets: list[int]


class Accesses:
    """What a region does to memories.

    `value` gives the node of an index, `entering` that of a variable at the region's start.
    `proven` becomes False where bounds of an index were not tight enough for simple addresses.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        value: Callable[[Value], Node],
        entering: Callable[[Variable], Node],
    ) -> None:
        self._builder = builder
        self._value = value
        self._entering = entering
        self.current: dict[Variable, Node] = {}
        self.proven = True
        self._loads: dict[tuple[str, int, int], Node] = {}
        self._words: dict[tuple[str, ElementKey], _Word] = {}

    # Interface ----------------------------------------------------------------------------------

    def load(
        self,
        home: Home,
        place: Place,
        width: int,
        predicate: Node,
        name: str,
        location: Location | None,
    ) -> Node:
        """`width` bits of memory."""
        if isinstance(home, Stored):
            return self._load_stored(home, place, width, predicate, name, location)
        if not place.terms:
            return self._image(home, place.offset * 8, width)
        index, offsets = self._candidates(home.layout, place.offset * 8, place.terms, width)
        images = [self._image(home, offset, width) for offset in offsets]
        return self._choose(index, images)

    def store(
        self,
        home: Home,
        place: Place,
        value: Node,
        predicate: Node,
        location: Location | None,
    ) -> None:
        """Change memory where the predicate holds."""
        value = self._builder.wires.flat(value)
        if isinstance(home, Stored):
            self._store_stored(home, place, value, predicate, location)
            return
        if not place.terms:
            self._assign(home, place.offset * 8, value, predicate)
            return
        index, offsets = self._candidates(home.layout, place.offset * 8, place.terms, value.width)
        for number, offset in enumerate(offsets):
            chosen = self._builder.all_of(predicate, self._builder.equals(index, number))
            self._assign(home, offset, value, chosen)

    def end_of_block(self) -> None:
        """Every word has been stored whole."""
        if self._words:
            raise AssertionError(f"fields of {sorted(self._words)} were left behind")

    # Choosing at run time -----------------------------------------------------------------------

    def _indices(self, terms: Sequence[Term], unit: int) -> list[Index]:
        indices = []
        for term in terms:
            node = self._value(term.value)
            if node.width == 1:
                node = self._builder.resize(node, 2, is_signed=False)
            if term.shift:
                amount = self._builder.constant(term.shift, node.width)
                node = self._builder.pure("ashr", node.width, node, amount)
            indices.append((node, term.scale // unit))
        return indices

    def _candidates(
        self, layout: Layout, offset: int, terms: Sequence[Term], width: int, end: int | None = None
    ) -> tuple[Node, list[int]]:
        """(index, bit offsets that it chooses from) of an access at a variable place.

        The access lies within [0, end) bits, by default within the memory.
        """
        step = gcd(*(term.scale for term in terms))
        first = offset % (8 * step)
        offsets = list(range(first, (end or layout.bits) - width + 1, 8 * step))
        bits = max(1, (len(offsets) - 1).bit_length())
        distance = (offset - first) // (8 * step)
        index = linear(self._builder, distance, self._indices(terms, step), bits)
        return index, offsets

    def _choose(self, index: Node, values: Sequence[Node]) -> Node:
        """values[index], by halves; an index beyond them may give anything."""
        level = list(values)
        for bit in range(index.width):
            chosen = self._builder.wires.slice(index, bit, 1)
            level += [self._builder.undefined(level[0].width)] * (len(level) % 2)
            level = [
                self._builder.select(chosen, level[number + 1], level[number])
                for number in range(0, len(level), 2)
            ]
        return level[0]

    # Variables ----------------------------------------------------------------------------------

    def read(self, variable: Variable) -> Node:
        """The present value of a variable."""
        if variable not in self.current:
            self.current[variable] = self._entering(variable)
        return self.current[variable]

    def _image(self, home: Variables, offset: int, width: int) -> Node:
        """Bits of memory as variables make them up."""
        pieces = home.layout.pieces(offset, width)
        return self._assembled(home.layout, width, pieces, lambda piece: self._cell(home, piece))

    def _cell(self, home: Variables, piece: Piece) -> Node:
        return self.read(home.cells[piece.element * len(home.layout.fields) + piece.field])

    def _assembled(
        self,
        layout: Layout,
        width: int,
        pieces: Iterator[Piece],
        value: Callable[[Piece], Node],
    ) -> Node:
        builder = self._builder
        parts: list[Node] = []
        position = 0
        for piece in pieces:
            field = layout.fields[piece.field]
            if piece.position > position:
                parts.append(builder.constant(0, piece.position - position))
            extended = builder.resize(value(piece), field.memory_width, field.signed)
            parts.append(builder.wires.slice(extended, piece.start, piece.length))
            position = piece.position + piece.length
        if position < width:
            parts.append(builder.constant(0, width - position))
        return builder.wires.concat(parts[::-1])

    def _assign(self, home: Variables, offset: int, value: Node, predicate: Node) -> None:
        builder = self._builder
        for piece in home.layout.pieces(offset, value.width):
            variable = home.cells[piece.element * len(home.layout.fields) + piece.field]
            if piece.start >= variable.width:
                continue
            new = builder.wires.slice(value, piece.position, piece.length)
            new = self._merged(variable, piece, new)
            if predicate.operation == "constant" and predicate.value:
                self.current[variable] = new
            else:
                self.current[variable] = builder.select(predicate, new, self.read(variable))

    def _merged(self, variable: Variable, piece: Piece, new: Node) -> Node:
        """The variable with one piece replaced."""
        builder = self._builder
        end = piece.start + piece.length
        parts = []
        if end < variable.width:
            old = self.read(variable)
            parts.append(builder.wires.slice(old, end, variable.width - end))
        length = min(end, variable.width) - piece.start
        parts.append(builder.wires.slice(new, 0, length))
        if piece.start:
            parts.append(builder.wires.slice(self.read(variable), 0, piece.start))
        return builder.wires.concat(parts)

    # Storages -----------------------------------------------------------------------------------

    def _load_stored(
        self,
        home: Stored,
        place: Place,
        width: int,
        predicate: Node,
        name: str,
        location: Location | None,
    ) -> Node:
        element = self._element(home, place, width)

        def field(piece: Piece) -> Node:
            group = home.group_of[piece.field]
            spot = element.spot(piece.element)
            word = self._load_word(group, spot, predicate, name, location)
            width = home.layout.fields[piece.field].width
            return self._builder.wires.slice(word, group.fields[piece.field], width)

        def image(offset: int) -> Node:
            pieces = home.layout.pieces(offset, width, bounded=False)
            return self._assembled(home.layout, width, pieces, field)

        if element.index is None:
            return image(element.offsets[0])
        return self._choose(element.index, [image(offset) for offset in element.offsets])

    def _element(self, home: Stored, place: Place, width: int) -> "_Element":
        """What an access of `width` bits reaches."""
        layout, builder = home.layout, self._builder
        split = split_place(place, layout)
        outer = self._indices(split.outer, layout.stride // 8)

        def beside(distance: int) -> Spot:
            spot = home.banks.locate(builder, split.element + distance, outer)
            self.proven &= spot.proven
            return spot

        if not split.inner:
            return _Element(beside, None, [split.bit])
        inner = self._indices(split.inner, 1)
        if self._stays_inside(layout, split.bit, inner, width):
            end = layout.stride
            index, offsets = self._candidates(layout, split.bit, split.inner, width, end)
            return _Element(beside, index, offsets)
        self.proven = False
        step = gcd(layout.stride // 8, *(term.scale for term in split.inner))
        terms = (*split.outer, *split.inner)
        byte = linear(builder, place.offset, self._indices(terms, 1), bits_for(layout.bits // 8))
        size = builder.constant(layout.stride // 8, byte.width)
        number = builder.pure("udiv", byte.width, byte, size)
        rest = builder.pure("urem", byte.width, byte, size)
        first = place.offset % step
        offsets = list(range(8 * first, layout.stride - width + 1, 8 * step))
        from_first = builder.pure("sub", rest.width, rest, builder.constant(first, rest.width))
        unit = builder.constant(step, rest.width)
        index = builder.pure("udiv", rest.width, from_first, unit)
        index = builder.resize(index, bits_for(len(offsets)), is_signed=False)

        def behind(distance: int) -> Spot:
            far = builder.pure("add", number.width, number, builder.constant(distance, byte.width))
            return home.banks.locate_number(builder, far)

        return _Element(behind, index, offsets)

    def _stays_inside(
        self, layout: Layout, offset: int, inner: Sequence[Index], width: int
    ) -> bool:
        low = offset + 8 * sum(min(node.low * x, node.high * x) for node, x in inner)
        high = offset + 8 * sum(max(node.low * x, node.high * x) for node, x in inner)
        return low >= 0 and high + width <= layout.stride

    def _load_word(
        self,
        group: Group,
        spot: Spot,
        predicate: Node,
        name: str,
        location: Location | None,
    ) -> Node:
        if spot.bank.operation == "constant":
            number = spot.bank.value
            return self._load_bank(group, number, spot.address, predicate, name, location)
        words = []
        for number in range(group.storage.banks):
            here = self._builder.all_of(predicate, self._builder.equals(spot.bank, number))
            words.append(self._load_bank(group, number, spot.address, here, name, location))
        return self._choose(spot.bank, words)

    def _load_bank(
        self,
        group: Group,
        bank: int,
        address: Node,
        predicate: Node,
        name: str,
        location: Location | None,
    ) -> Node:
        """A load, or the earlier one of the same word."""
        storage = group.storage
        if storage.kind == "rom" and address.operation == "constant":
            words = (storage.initial or ((),))[bank]
            return self._builder.constant(words[address.value], storage.width)
        key = storage.name, bank, address.index
        known = self._loads.get(key)
        if known is None:
            known = self._builder.load(storage, bank, predicate, address, name)
            known.location = location
            self._loads[key] = known
        elif known.operands[0] is not predicate:
            known.operands[0] = self._builder.constant(1, 1)
        return known

    def _store_stored(
        self,
        home: Stored,
        place: Place,
        value: Node,
        predicate: Node,
        location: Location | None,
    ) -> None:
        element = self._element(home, place, value.width)
        if element.index is None:
            offset = element.offsets[0]
            self._store_fields(home, place, element, offset, value, predicate, location)
            return
        for number, offset in enumerate(element.offsets):
            equal = self._builder.equals(element.index, number)
            chosen = self._builder.all_of(predicate, equal)
            self._store_fields(home, place, element, offset, value, chosen, location)

    def _store_fields(
        self,
        home: Stored,
        place: Place,
        element: "_Element",
        offset: int,
        value: Node,
        predicate: Node,
        location: Location | None,
    ) -> None:
        """Collect fields; a word whose fields are all there is stored."""
        split = split_place(place, home.layout)
        for piece in home.layout.pieces(offset, value.width, bounded=False):
            field = home.layout.fields[piece.field]
            if piece.start >= field.width:
                continue
            if piece.start or piece.length < field.width:
                raise HlsError(
                    "partial-store",
                    f"only a part of an element of {home.memory.name} is stored: read the "
                    "element, change it in a variable, and store it whole",
                    location,
                )
            group = home.group_of[piece.field]
            terms = (*split.outer, *split.inner)
            key = group.storage.name, (split.element + piece.element, terms)
            word = self._words.setdefault(key, _Word(group, predicate, {}))
            word.fields[piece.field] = self._builder.wires.slice(value, piece.position, field.width)
            if len(word.fields) == len(group.fields):
                del self._words[key]
                self._store_word(word, element.spot(piece.element), location)

    def _store_word(self, word: _Word, spot: Spot, location: Location | None) -> None:
        builder = self._builder
        storage = word.group.storage
        order = sorted(word.group.fields, key=lambda number: -word.group.fields[number])
        value = builder.wires.concat([word.fields[number] for number in order])
        banks = range(storage.banks)
        if spot.bank.operation == "constant":
            banks = range(spot.bank.value, spot.bank.value + 1)
        for number in banks:
            here = word.predicate
            if spot.bank.operation != "constant":
                here = builder.all_of(here, builder.equals(spot.bank, number))
            node = builder.store(storage, number, here, spot.address, value)
            node.location = location
            for known in [load for load in self._loads if load[:2] == (storage.name, number)]:
                del self._loads[known]
