"""ARRAY_PARTITION: which bank holds an element, and at which address.

Every dimension is split on its own: `complete` gives each index a bank, `cyclic` deals indices
out to `factor` banks, `block` cuts them into `factor` runs. Banks and addresses count row-major
over the dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from .builder import GraphBuilder
from .graph import Node
from .ir import Memory, Partition
from .ranges import full
from .wiring import runs

Index = tuple[Node, int]
"""A signed number and its factor."""


@dataclass(frozen=True)
class _Dimension:
    """`count` indices, `stride` elements apart, in `banks` banks of `depth` each."""

    count: int
    stride: int
    banks: int
    depth: int
    kind: str

    def of(self, index: int) -> tuple[int, int]:
        """(bank, address) of an index."""
        if self.kind == "cyclic":
            return index % self.banks, index // self.banks
        return index // self.depth, index % self.depth


@dataclass(frozen=True)
class Spot:
    """A bank and an address; not `proven`: computed by division, because indices may carry over."""

    bank: Node
    address: Node
    proven: bool


class Banks:
    """The banks of one memory. Tables are not split: each of their readers has a copy."""

    def __init__(self, memory: Memory) -> None:
        self.partitions: tuple[Partition, ...] = () if memory.constant else memory.partitions
        self._dimensions: list[_Dimension] = []
        for number, count in enumerate(memory.dimensions, start=1):
            stride = prod(memory.dimensions[number:])
            dimension = self._dimension(number, count, stride)
            if self._dimensions and dimension.banks == self._dimensions[-1].banks == 1:
                count *= self._dimensions.pop().count
                dimension = _Dimension(count, stride, 1, count, "")
            self._dimensions.append(dimension)
        self.count = prod(dimension.banks for dimension in self._dimensions)
        self.depth = prod(dimension.depth for dimension in self._dimensions)

    def _dimension(self, number: int, count: int, stride: int) -> _Dimension:
        banks, kind = 1, ""
        for partition in self.partitions:
            if partition.dimension in (0, number):
                kind = partition.kind
                banks = count if kind == "complete" else min(max(partition.factor, 1), count)
        return _Dimension(count, stride, banks, -(-count // banks), kind)

    def of_element(self, element: int) -> tuple[int, int]:
        """(bank, address) of an element, counted row-major."""
        bank = address = 0
        for dimension in self._dimensions:
            index, element = divmod(element, dimension.stride)
            part, place = dimension.of(index)
            bank, address = bank * dimension.banks + part, address * dimension.depth + place
        return bank, address

    def locate(self, builder: GraphBuilder, constant: int, indices: Sequence[Index]) -> Spot:
        """Where element `constant` plus the sum of the indices, each times its factor, lies."""
        if not indices:
            home = self.of_element(constant % prod(x.count for x in self._dimensions))
            bank, address = builder.constant(home[0], bits_for(self.count)), home[1]
            return Spot(bank, builder.constant(address, bits_for(self.depth)), proven=True)
        if self.count == 1:
            address_bits = bits_for(self.depth)
            number = linear(builder, constant, indices, address_bits)
            return Spot(builder.constant(0, 1), number, proven=True)
        digits = self._per_dimension(builder, constant, indices)
        proven = digits is not None
        if digits is None:
            bits = bits_for(prod(dimension.count for dimension in self._dimensions))
            digits = self._of_number(builder, linear(builder, constant, indices, bits))
        return self._joined(builder, digits, proven)

    def locate_number(self, builder: GraphBuilder, element: Node) -> Spot:
        """Where an element lies whose row-major number is known at run time only."""
        if self.count == 1:
            address = builder.resize(element, bits_for(self.depth), is_signed=False)
            return Spot(builder.constant(0, 1), address, proven=False)
        return self._joined(builder, self._of_number(builder, element), proven=False)

    def _joined(self, builder: GraphBuilder, digits: Sequence[Node], proven: bool) -> Spot:
        bank: Node | None = None
        address: Node | None = None
        for dimension, digit in zip(self._dimensions, digits, strict=True):
            part, place = _split(builder, dimension, digit)
            bank = _appended(builder, bank, part, dimension.banks)
            address = _appended(builder, address, place, dimension.depth)
        zero = builder.constant(0, 1)
        return Spot(bank or zero, address or zero, proven)

    def _per_dimension(
        self, builder: GraphBuilder, constant: int, indices: Sequence[Index]
    ) -> list[Node] | None:
        """The index in every dimension; None where one may lead into another dimension."""
        shares: list[list[Index]] = [[] for _ in self._dimensions]
        for node, factor in indices:
            number = next(
                number
                for number, dimension in enumerate(self._dimensions)
                if abs(factor) >= dimension.stride and factor % dimension.stride == 0
            )
            shares[number].append((node, factor // self._dimensions[number].stride))
        digits = []
        rest = constant
        for number, dimension in enumerate(self._dimensions):
            digit, rest = divmod(rest, dimension.stride)
            if number and shares[number] and not _fits(digit, shares[number], dimension):
                return None
            digits.append(linear(builder, digit, shares[number], bits_for(dimension.count)))
        return digits

    def _of_number(self, builder: GraphBuilder, element: Node) -> list[Node]:
        """The index in every dimension, by division of the element's number."""
        bits = element.width
        digits = []
        for dimension in self._dimensions:
            stride = builder.constant(dimension.stride, bits)
            digit = builder.pure("udiv", bits, element, stride)
            element = builder.pure("urem", bits, element, stride)
            digits.append(builder.resize(digit, bits_for(dimension.count), is_signed=False))
        return digits


def bits_for(count: int) -> int:
    """Bits of an index below `count`, at least one."""
    return max(1, (count - 1).bit_length())


def _fits(digit: int, share: Sequence[Index], dimension: _Dimension) -> bool:
    """The index is proven to stay within its dimension."""
    low = digit + sum(min(node.low * factor, node.high * factor) for node, factor in share)
    high = digit + sum(max(node.low * factor, node.high * factor) for node, factor in share)
    return low >= 0 and high < dimension.count


def linear(builder: GraphBuilder, constant: int, indices: Sequence[Index], bits: int) -> Node:
    """constant + sum of index * factor, modulo 2^bits."""
    total = builder.constant(0, bits)
    for node, factor in indices:
        scaled = narrow(builder, node, bits)
        if factor != 1:
            scaled = builder.pure("mul", bits, scaled, builder.constant(factor, bits))
        total = builder.pure("add", bits, total, scaled)
    return builder.pure("add", bits, total, builder.constant(constant, bits))


def narrow(builder: GraphBuilder, node: Node, bits: int) -> Node:
    """The low `bits` of a signed number, through the additions that make it."""
    if node.width <= bits:
        return builder.resize(node, bits, is_signed=True)
    if node.operation in ("zext", "sext") and node.operands[0].width >= bits:
        return narrow(builder, node.operands[0], bits)
    low, high = full(bits + 1)
    wide = node.low < low or node.high > high
    if wide and node.operation in ("add", "sub", "mul"):
        operands = [narrow(builder, operand, bits) for operand in node.operands]
        return builder.pure(node.operation, bits, *operands, location=node.location)
    return builder.pure("trunc", bits, node)


def _split(builder: GraphBuilder, dimension: _Dimension, index: Node) -> tuple[Node, Node]:
    """(bank, address) of an index in its dimension."""
    divisor = dimension.banks if dimension.kind == "cyclic" else dimension.depth
    quotient, remainder = _divided(builder, index, divisor)
    if dimension.kind == "cyclic":
        return remainder, quotient
    return quotient, remainder


def _divided(builder: GraphBuilder, node: Node, divisor: int) -> tuple[Node, Node]:
    """Quotient and remainder by a constant; a sum of multiples and a rest is divided term-wise."""
    bits = node.width
    exponent = divisor.bit_length() - 1
    if divisor == 1 << exponent and 0 < exponent < bits and node.operation == "add":
        parts = [_divided(builder, operand, divisor) for operand in node.operands]
        if any(_low_zeros(builder, operand, exponent) for operand in node.operands):
            (quotient, remainder), (other, rest) = parts
            high = builder.pure("add", bits, quotient, other)
            high = builder.pure("trunc", bits - exponent, high)
            return (
                builder.resize(high, bits, is_signed=False),
                builder.pure("or", bits, remainder, rest),
            )
    constant = builder.constant(divisor, bits + 1)
    wide = builder.resize(node, bits + 1, is_signed=False)
    quotient = builder.pure("udiv", bits + 1, wide, constant)
    remainder = builder.pure("urem", bits + 1, wide, constant)
    return (
        builder.resize(quotient, bits, is_signed=False),
        builder.resize(remainder, bits, is_signed=False),
    )


def _low_zeros(builder: GraphBuilder, node: Node, bits: int) -> bool:
    """The low `bits` are known to be zero."""
    found = runs(builder.wires.possible(node))
    return not found or found[0][0] >= bits


def _appended(builder: GraphBuilder, above: Node | None, digit: Node, base: int) -> Node | None:
    """above * base + digit, as a number of just enough bits; None while there is nothing."""
    if base == 1:
        return above
    digit = builder.resize(digit, bits_for(base), is_signed=False)
    if above is None:
        return digit
    bits = above.width + digit.width
    scaled = builder.pure(
        "mul", bits, builder.resize(above, bits, False), builder.constant(base, bits)
    )
    return builder.pure("add", bits, scaled, builder.resize(digit, bits, False))
