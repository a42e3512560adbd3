"""Bytes against fields, and where arrays live: registers, or storages whose words fields share."""

from dataclasses import replace

import pytest

from m3vit.hls.compiler import memories
from m3vit.hls.compiler.addressing import Place, Pointers, Term
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.ir import (
    ArrayType,
    Block,
    Constant,
    Field,
    Function,
    Instruction,
    IntType,
    Local,
    Memory,
    Module,
    Partition,
    Payload,
    PointerType,
    StructType,
    VoidType,
)
from m3vit.hls.compiler.layout import Layout, Piece
from m3vit.hls.compiler.memories import Stored, Variables
from m3vit.hls.compiler.names import Names

INDEX = Local("i", IntType(64))
PAIR = Payload("Pair", 64, 25, (Field("a", 0, 32, 20, True, 0), Field("b", 32, 8, 5, False, 20)))
BYTE = Payload("ap_uint<8>", 8, 8, (Field("", 0, 8, 8, False, 0),))


def access(opcode, offset, width, scale=None, block="entry"):
    """Instructions that load or store `width` bits at `offset` (+ i * scale) bytes of `m`."""
    name = f"p{offset}_{scale}_{opcode}_{block}"
    steps = [
        Instruction(
            "getelementptr",
            f"{name}_base",
            PointerType(),
            (Local("m", PointerType()), Constant(offset, IntType(64))),
            element=IntType(8),
        )
    ]
    pointer = Local(f"{name}_base", PointerType())
    if scale:
        kind = ArrayType(scale, IntType(8))
        operands = (pointer, INDEX)
        steps.append(Instruction("getelementptr", name, PointerType(), operands, element=kind))
        pointer = Local(name, PointerType())
    if opcode == "load":
        return [*steps, Instruction("load", f"v_{name}", IntType(width), (pointer,))]
    value = Constant(0, IntType(width))
    return [*steps, Instruction("store", None, VoidType(), (value, pointer))]


def home_of(memory, *accesses, kind="process"):
    blocks = {}
    for item in accesses:
        opcode, offset, width, *rest = item
        scale = rest[0] if rest else None
        block = rest[1] if len(rest) > 1 else "entry"
        blocks.setdefault(block, []).extend(access(opcode, offset, width, scale, block))
    made = [Block(name, instructions) for name, instructions in blocks.items()]
    function = Function("f", kind, [], made, memories={"m": memory})
    definitions = {x.result: x for block in made for x in block.instructions if x.result}
    pointers = Pointers(definitions, frozenset(["m"]))
    return memories.homes(function, Module("f", {}, {}, {}), pointers, Names())["%m"]


# Layout -----------------------------------------------------------------------------------------


def test_an_access_is_taken_apart_into_fields():
    layout = Layout(Memory("m", (3,), PAIR))
    assert list(layout.pieces(64, 64)) == [Piece(1, 0, 0, 0, 32), Piece(1, 1, 0, 32, 8)]
    assert list(layout.pieces(16, 8)) == [Piece(0, 0, 16, 0, 8)]
    assert list(layout.pieces(24, 16)) == [Piece(0, 0, 24, 0, 8), Piece(0, 1, 0, 8, 8)]
    assert [piece.element for piece in layout.pieces(0, 192)] == [0, 0, 1, 1, 2, 2]
    assert list(layout.pieces(40, 24)) == []


def test_beyond_the_end_elements_go_on_only_where_that_is_asked_for():
    layout = Layout(Memory("m", (2,), BYTE))
    assert [piece.element for piece in layout.pieces(8, 24)] == [1]
    assert [piece.element for piece in layout.pieces(8, 24, bounded=False)] == [1, 2, 3]


# Homes ------------------------------------------------------------------------------------------


def test_constant_indices_make_registers_named_after_their_elements():
    home = home_of(Memory("m", (2, 2), PAIR), ("store", 0, 32), ("load", 24, 32))
    assert isinstance(home, Variables)
    assert [cell.name for cell in home.cells[:4]] == ["m_0_0_a", "m_0_0_b", "m_0_1_a", "m_0_1_b"]
    assert [(cell.width, cell.signed) for cell in home.cells[:2]] == [(20, True), (5, False)]


@pytest.mark.parametrize(
    ("count", "keywords", "expected"),
    [
        (8, {}, "registers"),
        (9, {}, "lutram"),
        (64, {}, "lutram"),
        (65, {}, "bram"),
        (65, {"storage": "lutram"}, "lutram"),
        (65, {"storage": "uram"}, "uram"),
        (8, {"storage": "bram"}, "bram"),
        (100, {"storage": "register"}, "registers"),
        (100, {"partitions": (Partition("complete", 0),)}, "registers"),
        (100, {"partitions": (Partition("cyclic", 1, 2),)}, "lutram"),
        (100, {"constant": True, "initial": tuple(range(100))}, "rom"),
    ],
)
def test_variable_indices_make_a_memory_by_size_and_pragma(count, keywords, expected):
    home = home_of(Memory("m", (count,), BYTE, **keywords), ("load", 0, 8, 1))
    kind = "registers" if isinstance(home, Variables) else home.groups[0].storage.kind
    assert kind == expected


def test_latency_is_asked_for_or_follows_from_the_kind():
    def latency(count, **keywords):
        home = home_of(Memory("m", (count,), BYTE, **keywords), ("load", 0, 8, 1))
        return home.groups[0].storage.read_latency

    assert latency(32) == 0 and latency(500) == 1 and latency(500, storage="uram") == 2
    assert latency(500, latency=3) == 3 and latency(500, storage="uram", latency=1) == 1
    table = {"constant": True, "initial": (0,) * 500}
    assert latency(500, **table) == 1 and latency(32, constant=True, initial=(0,) * 32) == 0


def test_a_small_array_that_is_filled_at_once_is_registers():
    stores = [("store", element, 8) for element in range(16)]
    memory = Memory("m", (16,), BYTE)
    assert isinstance(home_of(memory, *stores, ("load", 0, 8, 1)), Variables)
    assert isinstance(
        home_of(replace(memory, dimensions=(500,)), *stores, ("load", 0, 8, 1)), Stored
    )
    assert isinstance(home_of(replace(memory, storage="bram"), *stores, ("load", 0, 8, 1)), Stored)


def test_fields_that_are_stored_at_different_times_are_apart():
    memory = Memory("m", (100,), PAIR)
    together = home_of(memory, ("store", 0, 32, 8), ("store", 4, 8, 8), ("load", 0, 32, 8))
    assert [group.storage.width for group in together.groups] == [25]
    apart = home_of(memory, ("store", 0, 32, 8), ("store", 4, 8, 8, "other"), ("load", 4, 8, 8))
    assert sorted(group.storage.name for group in apart.groups) == ["m_a", "m_b"]
    split = home_of(memory, ("store", 0, 32, 8), ("load", 0, 32, 8), ("store", 4, 8, 8))
    assert len(split.groups) == 2


def test_one_wide_store_of_several_elements_reaches_all_fields_of_each():
    home = home_of(Memory("m", (100,), PAIR), ("store", 0, 128, 16), ("load", 0, 32, 8))
    assert [group.storage.width for group in home.groups] == [25]


def test_initial_values_lie_where_banks_and_fields_say():
    initial = tuple(number for element in range(6) for number in (element, -element))
    memory = Memory("m", (6,), PAIR, static=True, initial=initial, storage="bram")
    memory = replace(memory, partitions=(Partition("cyclic", 1, 2),))
    home = home_of(memory, ("store", 0, 64, 8), ("load", 0, 64, 8))
    (group,) = home.groups
    words = group.storage.initial
    assert [word & 0xFFFFF for word in words[1]] == [1, 3, 5]
    assert [word >> 20 for word in words[1]] == [-1 & 31, -3 & 31, -5 & 31]


def test_initial_values_of_ultraram_are_refused_unless_zero():
    memory = Memory("m", (100,), BYTE, static=True, storage="uram")
    assert isinstance(home_of(replace(memory, initial=(0,) * 100), ("load", 0, 8, 1)), Stored)
    with pytest.raises(HlsError, match="uram-initial"):
        home_of(replace(memory, initial=(1,) * 100), ("load", 0, 8, 1))


def test_state_of_a_module_function_is_refused():
    with pytest.raises(HlsError, match="module-state"):
        home_of(Memory("m", (), BYTE, static=True), ("load", 0, 8), kind="module")


def test_too_many_registers_are_refused():
    memory = Memory("m", (5000,), BYTE, partitions=(Partition("complete", 1),))
    with pytest.raises(HlsError, match="too-many-registers"):
        home_of(memory, ("load", 0, 8, 1))


# Pointers ---------------------------------------------------------------------------------------


def gep(result, base, element, *indices):
    values = tuple(
        Constant(index % 2**64, IntType(64)) if isinstance(index, int) else index
        for index in indices
    )
    operands = (Local(base, PointerType()), *values)
    return Instruction("getelementptr", result, PointerType(), operands, element=element)


def places(*instructions):
    definitions = {instruction.result: instruction for instruction in instructions}
    pointer = Local(instructions[-1].result, PointerType())
    return Pointers(definitions, frozenset(["m", "n"])).places(pointer, None)


def test_indices_and_fields_add_up_to_bytes():
    pair = StructType((IntType(20), IntType(5), ArrayType(3, IntType(48))))
    kind = ArrayType(4, pair)
    (place,) = places(
        gep("p", "m", kind, 0, INDEX, Constant(2, IntType(32)), 1),
        gep("q", "p", IntType(8), -4),
    )
    assert place == Place("%m", 8 + 8 - 4, (Term(INDEX, 32),))


def test_a_pointer_chosen_by_a_condition_is_several_places():
    condition = Local("c", IntType(1))
    choice = Instruction(
        "select",
        "s",
        PointerType(),
        (condition, Local("m", PointerType()), Local("n", PointerType())),
    )
    first, second = places(choice, gep("p", "s", IntType(16), INDEX))
    assert (first.base, first.guards[0].holds) == ("%m", True)
    assert (second.base, second.guards[0].holds) == ("%n", False)
    assert first.terms == second.terms == (Term(INDEX, 2),)


def test_a_pointer_that_moves_with_the_loop_is_refused():
    phi = Instruction(
        "phi",
        "p",
        PointerType(),
        (Local("m", PointerType()), Local("q", PointerType())),
        blocks=("entry", "loop"),
    )
    with pytest.raises(HlsError, match="pointer-arithmetic"):
        places(gep("q", "p", IntType(8), 1), phi)


def test_a_choice_between_constants_is_a_term_of_one_bit():
    condition = Local("c", IntType(1))
    seven_or_five = (condition, Constant(7, IntType(3)), Constant(5, IntType(3)))
    choice = Instruction("select", "s", IntType(3), seven_or_five)
    wide = Instruction("zext", "w", IntType(64), (Local("s", IntType(3)),))
    (place,) = places(choice, wide, gep("p", "m", IntType(16), Local("w", IntType(64))))
    assert (place.offset, place.terms) == (10, (Term(condition, 4),))
    signed = Instruction("sext", "w", IntType(64), (Local("s", IntType(3)),))
    (place,) = places(choice, signed, gep("p", "m", IntType(16), Local("w", IntType(64))))
    assert (place.offset, place.terms) == (-6, (Term(condition, 4),))


def test_pointers_to_two_elements_of_one_array_are_one_place():
    condition = Local("c", IntType(1))
    ends = (condition, Local("p", PointerType()), Local("q", PointerType()))
    choice = Instruction("select", "s", PointerType(), ends)
    steps = [gep("p", "m", IntType(8), 12), gep("q", "m", IntType(8), 4), choice]
    (place,) = places(*steps, gep("r", "s", IntType(8), 1))
    assert place == Place("%m", 5, (Term(condition, 8),))


def test_sums_and_multiples_of_indices_are_several_terms():
    four = Instruction("shl", "f", IntType(64), (INDEX, Constant(2, IntType(64))))
    other = Local("j", IntType(64))
    total = Instruction("add", "t", IntType(64), (Local("f", IntType(64)), other))
    more = Instruction("add", "u", IntType(64), (Local("t", IntType(64)), Constant(3, IntType(64))))
    (place,) = places(four, total, more, gep("p", "m", IntType(16), Local("u", IntType(64))))
    assert place == Place("%m", 6, (Term(INDEX, 8), Term(other, 2)))
