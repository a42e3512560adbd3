"""How programs end that are not what they should be, and where."""

import random

import numpy as np
import pytest
from programs import Memory

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    FIELD_OUT_OF_RANGE,
    NO_END,
    OUTSIDE_ARENA,
    UNKNOWN_INSTRUCTION,
    WRONG_DESIGN,
    WRONG_ORDER,
    Instruction,
)
from m3vit.sim.engine.interpreter import ProgramStopError, execute
from m3vit.sim.streams.programs import RandomProgram

NANO = DesignConfig.load("nano")
BEGIN = Instruction("BEGIN", design=NANO.design_id, version=1)
END = Instruction("END")
RAW = Instruction("NORM", rows=4, words=2, wide=1, raw=1)
NORM = Instruction(
    "NORM",
    rows=4,
    words=2,
    width=8,
    epsilon=1,
    codes=1,
    code_shift=9,
    parameter_beats=4,
    stride=2,
)
GATE = Instruction(
    "GATE", rows=4, words=2, beats=1, groups=1, experts=3, last=3, kept=1, pick_count=4
)
EXPERTS = Instruction(
    "EXPERTS",
    stride=2,
    rows=4,
    up_words=2,
    up_beats=1,
    up_groups=1,
    hidden_domain=1,
    hidden_stride=1,
    hidden_base=100,
    down_words=1,
    down_beats=1,
    down_groups=2,
    expert_lines=3,
    experts=3,
    residual_words=2,
)
MATMUL = Instruction(
    "MATMUL",
    stride=2,
    rows=4,
    words=2,
    beats=1,
    groups=1,
    chunks=1,
    bits=8,
    to_domain=1,
    to_base=100,
    to_stride=1,
)


def changed(instruction, **values):
    return Instruction(instruction.name, **(dict(instruction.values) | values))


class Raw:
    """Bytes that are no instruction."""

    def __init__(self, *content):
        self.content = bytes([*content, *(32 - len(content)) * [0]])

    def encode(self):
        return self.content


def ending(*instructions, lines=1000):
    memory = Memory(NANO)
    memory.reserve(64 * lines)
    memory.content[:] = 0
    with pytest.raises(ProgramStopError) as caught:
        memory.run_bare(*instructions)
    return caught.value.code, caught.value.position


@pytest.mark.parametrize(
    ("program", "code", "position"),
    [
        ((Raw(15), END), UNKNOWN_INSTRUCTION, 0),
        ((BEGIN, Raw(0), END), UNKNOWN_INSTRUCTION, 1),
        ((BEGIN, changed(RAW, rows=0), END), FIELD_OUT_OF_RANGE, 1),
        ((changed(BEGIN, design=1), END), WRONG_DESIGN, 0),
        ((changed(BEGIN, version=2), END), WRONG_DESIGN, 0),
        ((END,), WRONG_ORDER, 0),
        ((BEGIN, BEGIN, END), WRONG_ORDER, 1),
        ((BEGIN, changed(BEGIN, design=1), END), WRONG_ORDER, 1),
        ((BEGIN, GATE, EXPERTS, END), WRONG_ORDER, 1),
        ((BEGIN, EXPERTS, END), WRONG_ORDER, 1),
        ((BEGIN, RAW, END), WRONG_ORDER, 2),
        ((BEGIN, RAW, MATMUL, GATE, EXPERTS, END), WRONG_ORDER, 2),
        ((BEGIN, RAW, RAW, GATE, EXPERTS, END), WRONG_ORDER, 2),
        ((BEGIN, RAW, changed(GATE, rows=3, pick_count=3), EXPERTS, END), WRONG_ORDER, 2),
        ((BEGIN, RAW, changed(GATE, words=1), EXPERTS, END), WRONG_ORDER, 2),
        ((BEGIN, RAW, GATE, END), WRONG_ORDER, 3),
        ((BEGIN, RAW, GATE, RAW, GATE, EXPERTS, END), WRONG_ORDER, 3),
        ((BEGIN, RAW, GATE, changed(EXPERTS, rows=3), END), WRONG_ORDER, 3),
        ((BEGIN, RAW, GATE, changed(EXPERTS, first=1), END), WRONG_ORDER, 3),
        ((BEGIN, RAW, GATE, changed(EXPERTS, experts=2), END), WRONG_ORDER, 3),
        ((BEGIN, RAW, EXPERTS, END), WRONG_ORDER, 2),
        ((BEGIN, RAW), NO_END, 1),
        ((BEGIN, changed(NORM, parameters=2000), END), OUTSIDE_ARENA, 1),
        ((BEGIN, changed(MATMUL, weights=(1 << 26) - 1), END), OUTSIDE_ARENA, 1),
        ((BEGIN, RAW, changed(GATE, picks=5000), EXPERTS, END), OUTSIDE_ARENA, 2),
        # The field is looked at before the partner.
        ((BEGIN, changed(GATE, kept=0), END), FIELD_OUT_OF_RANGE, 1),
    ],
)
def test_code_and_position(program, code, position):
    assert ending(*program) == (code, position)


@pytest.mark.parametrize(
    "program",
    [
        (BEGIN, END),
        (BEGIN, RAW, GATE, EXPERTS, END),
        (BEGIN, RAW, GATE, NORM, MATMUL, EXPERTS, END),
        (BEGIN, NORM, MATMUL, END),
        (BEGIN, RAW, Instruction("TABLE"), NORM, GATE, EXPERTS, END),
        # Nothing behind END is looked at.
        (BEGIN, END, Raw(15)),
    ],
)
def test_ends_well(program):
    memory = Memory(NANO)
    memory.reserve(64 * 1000)
    memory.content[:] = 0
    memory.run_bare(*program)


def test_the_last_line_can_be_used_and_none_behind_it():
    """A NORM reads 4 beats, one line."""
    for end, fits in ((0, True), (1, False)):
        memory = Memory(NANO)
        line = memory.reserve(64)
        memory.content[:] = 0
        program = (
            BEGIN,
            changed(NORM, parameters=line + 2 + end),
            END,
        )  # behind the program: 96 bytes
        content = np.frombuffer(b"".join(part.encode() for part in program), np.uint8)
        start = memory.place(content)
        assert memory.content.size == 3 * 64
        if fits:
            execute(NANO, memory.content, start, len(program))
        else:
            with pytest.raises(ProgramStopError, match="lines 0x3 to 0x3"):
                execute(NANO, memory.content, start, len(program))


def test_a_program_outside_the_arena():
    with pytest.raises(ProgramStopError) as caught:
        execute(NANO, np.zeros(640, np.uint8), 10, 2)
    assert (caught.value.code, caught.value.position) == (OUTSIDE_ARENA, 0)


def test_what_was_stored_before_stays():
    memory = Memory(NANO)
    line = memory.reserve(64)
    store = Instruction("STORE", address=line, beats=1, rows=1, words=1)
    with pytest.raises(ProgramStopError):
        memory.run_bare(BEGIN, store, GATE, END)
    assert np.any(memory.read(line, 8) != 0xAA)
    assert not memory.read(line, 16)[8:].any()


def test_whatever_memory_holds_only_addresses_end_a_sound_program():
    generator = np.random.default_rng(0)
    lines, start = 16384, 15000
    codes = []
    for seed in range(60):
        program = [
            changed(
                instruction,
                **{
                    field.name: instruction[field.name] % 6000
                    for field in instruction.kind.fields
                    if field.is_address
                },
            )
            for instruction in RandomProgram(NANO, seed).instructions(
                random.Random(seed).randint(1, 6)
            )
        ]
        arena = generator.integers(0, 256, 64 * lines, np.uint8)
        content = b"".join(instruction.encode() for instruction in program)
        arena[64 * start :][: len(content)] = np.frombuffer(content, np.uint8)
        try:
            execute(NANO, arena, start, len(program))
            codes.append(0)
        except ProgramStopError as stop:
            codes.append(stop.code)
    assert set(codes) == {0, OUTSIDE_ARENA}
