"""Banks and addresses: the graph's arithmetic against plain integers, for every element."""

import itertools

import pytest

from m3vit.hls.compiler.banks import Banks
from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.ir import Field, Memory, Partition, Payload
from m3vit.hls.compiler.semantics import evaluate, mask

BYTE = Payload("ap_uint<8>", 8, 8, (Field("", 0, 8, 8, False, 0),))


def make_memory(dimensions, *partitions):
    return Memory("a", dimensions, BYTE, partitions=tuple(Partition(*item) for item in partitions))


def evaluated(builder, node, arguments):
    """The value of a node for these arguments."""
    values = {}
    for item in builder.nodes:
        if item.operation == "constant":
            values[item.index] = item.value
        elif item.operation == "argument":
            values[item.index] = arguments[item.name] & mask(item.width)
        else:
            operands = [values[operand.index] for operand in item.operands]
            widths = [operand.width for operand in item.operands]
            values[item.index] = evaluate(item.operation, item.width, operands, widths, item.start)
    return values[node.index]


PARTITIONED = [
    ((16,),),
    ((12,), ("cyclic", 1, 4)),
    ((16,), ("cyclic", 1, 3)),
    ((12,), ("block", 1, 4)),
    ((10,), ("block", 1, 4)),
    ((4, 8), ("complete", 1)),
    ((4, 8), ("complete", 2)),
    ((3, 10), ("complete", 1)),
    ((3, 12), ("complete", 1), ("cyclic", 2, 4)),
    ((5, 3, 4), ("complete", 2), ("block", 3, 2)),
    ((6, 6), ("cyclic", 0, 2)),
    ((7, 5),),
]


@pytest.mark.parametrize("case", PARTITIONED, ids=str)
def test_every_element_has_a_place_of_its_own(case):
    dimensions, *partitions = case
    banks = Banks(make_memory(dimensions, *partitions))
    count = 1
    for size in dimensions:
        count *= size
    places = [banks.of_element(element) for element in range(count)]
    assert len(set(places)) == count
    assert max(bank for bank, _ in places) < banks.count
    assert max(address for _, address in places) < banks.depth


@pytest.mark.parametrize("case", PARTITIONED, ids=str)
@pytest.mark.parametrize("bits", [4, 32])
def test_variable_indices_lead_to_the_place_of_their_element(case, bits):
    dimensions, *partitions = case
    banks = Banks(make_memory(dimensions, *partitions))
    strides = [1]
    for size in reversed(dimensions[1:]):
        strides.insert(0, strides[0] * size)
    b = GraphBuilder()
    indices = [
        (b.resize(b.argument(f"i{number}", bits), 64, is_signed=False), stride)
        for number, stride in enumerate(strides)
    ]
    spot = banks.locate(b, 0, indices)
    bank, address = spot.bank, spot.address
    for element, place in enumerate(itertools.product(*map(range, dimensions))):
        arguments = {f"i{number}": index for number, index in enumerate(place)}
        found = evaluated(b, bank, arguments), evaluated(b, address, arguments)
        assert found == banks.of_element(element)


@pytest.mark.parametrize("distance", [-9, -1, 1, 3, 8])
@pytest.mark.parametrize("partition", [("complete", 1), ("complete", 2), ("cyclic", 2, 2)])
def test_a_constant_distance_may_carry_into_the_next_row(distance, partition):
    banks = Banks(make_memory((4, 8), partition))
    b = GraphBuilder()
    row, column = (b.resize(b.argument(name, 8), 64, is_signed=False) for name in "rc")
    spot = banks.locate(b, distance, [(row, 8), (column, 1)])
    for r, c in itertools.product(range(4), range(8)):
        element = 8 * r + c + distance
        if 0 <= element < 32:
            found = tuple(
                evaluated(b, node, {"r": r, "c": c}) for node in (spot.bank, spot.address)
            )
            assert found == banks.of_element(element)


def test_unrolled_cyclic_accesses_have_constant_banks():
    banks = Banks(make_memory((32,), ("cyclic", 1, 4)))
    b = GraphBuilder()
    group = b.argument("i", 32)
    quadruple = b.pure("shl", 32, group, b.constant(2, 32))
    for lane in range(4):
        index = b.pure("add", 32, quadruple, b.constant(lane, 32))
        spot = banks.locate(b, 0, [(b.resize(index, 64, True), 1)])
        assert (spot.bank.operation, spot.bank.value) == ("constant", lane)
        assert spot.address.operation == "trunc" and spot.address.operands[0] is group
    beyond = b.pure("add", 32, quadruple, b.constant(6, 32))
    assert banks.locate(b, 0, [(b.resize(beyond, 64, True), 1)]).bank.value == 2


def test_strides_that_are_powers_of_two_need_no_arithmetic():
    banks = Banks(make_memory((4, 16)))
    b = GraphBuilder()
    row, column = b.argument("r", 2), b.argument("c", 4)
    wide = [(b.resize(node, 64, False), stride) for node, stride in ((row, 16), (column, 1))]
    address = banks.locate(b, 0, wide).address
    assert b.wires.flat(address).operands == [row, column]


def test_an_index_that_may_leave_its_dimension_is_divided():
    banks = Banks(make_memory((4, 6), ("complete", 1)))
    for bits, proven in ((2, True), (3, False)):
        b = GraphBuilder()
        row, column = b.argument("r", 2), b.argument("c", bits)
        indices = [(b.resize(row, 64, False), 6), (b.resize(column, 64, False), 1)]
        spot = banks.locate(b, 0, indices)
        assert spot.proven == proven
        for r, c in itertools.product(range(4), range(6)):
            if c < 1 << bits:
                arguments = {"r": r, "c": c}
                found = tuple(evaluated(b, x, arguments) for x in (spot.bank, spot.address))
                assert found == (r, c)
        number = banks.locate_number(b, b.argument("n", 5))
        for element in range(24):
            found = tuple(
                evaluated(b, x, {"n": element, "r": 0, "c": 0})
                for x in (number.bank, number.address)
            )
            assert found == banks.of_element(element)


def test_tables_are_not_split():
    table = make_memory((8,), ("complete", 1))
    table.constant = True
    assert Banks(table).count == 1
