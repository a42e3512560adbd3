"""Instructions: what Python writes, Python and C++ read."""

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.hls.isa import (
    BY_NAME,
    INSTRUCTION_BYTES,
    INSTRUCTIONS,
    OPCODE_BITS,
    Instruction,
)


def random_instruction(kind, generator):
    values = {}
    for field in kind.fields:
        low, high = field.range
        choices = (low, high, int(generator.integers(low, high, endpoint=True)))
        values[field.name] = choices[generator.integers(3)]
    return Instruction(kind.name, **values)


@pytest.mark.parametrize("kind", INSTRUCTIONS, ids=lambda kind: kind.name)
def test_fields_come_back(kind):
    generator = np.random.default_rng(kind.opcode)
    for _ in range(20):
        instruction = random_instruction(kind, generator)
        content = instruction.encode()
        assert len(content) == INSTRUCTION_BYTES
        assert Instruction.decode(content) == instruction


def test_every_instruction_fits_and_has_its_own_opcode():
    for kind in INSTRUCTIONS:
        assert OPCODE_BITS + sum(field.bits for field in kind.fields) <= 8 * INSTRUCTION_BYTES
    assert len({kind.opcode for kind in INSTRUCTIONS}) == len(INSTRUCTIONS) == len(BY_NAME)
    assert all(0 < kind.opcode < 1 << OPCODE_BITS for kind in INSTRUCTIONS)


def test_bits_are_where_the_manual_says():
    """Written by hand from the order of the fields: opcode, address, beats, first, rows, words."""
    content = Instruction("LOAD", address=5, beats=6, first=7, rows=8, words=9).encode()
    expected = 4 | 5 << 4 | 6 << 30 | 7 << 50 | 8 << 62 | 9 << 74
    assert int.from_bytes(content, "little") == expected


def test_signed_fields():
    content = Instruction("GATE", prune_threshold=-1).encode()
    low = BY_NAME["GATE"].positions["prune_threshold"]
    assert int.from_bytes(content, "little") == 10 | ((1 << 17) - 1) << low
    assert Instruction.decode(content)["prune_threshold"] == -1


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("MULTIPLY", {}, "there is no instruction 'MULTIPLY'"),
        ("LOAD", {"adress": 1}, "LOAD has no field 'adress'"),
        ("END", {"rows": 1}, "its fields are none"),
        ("LOAD", {"rows": 4096}, "rows is 4096 and the field holds 0 to 4095"),
        ("MATMUL", {"zero_point": 128}, "zero_point is 128 and the field holds -128 to 127"),
        ("MATMUL", {"zero_point": -129}, "zero_point is -129"),
        ("LOAD", {"rows": -1}, "rows is -1"),
    ],
)
def test_mistakes_are_named(name, values, sentence):
    with pytest.raises(UserError, match=sentence):
        Instruction(name, **values)


def test_unknown_bytes_are_refused():
    with pytest.raises(UserError, match="opcode 15"):
        Instruction.decode(bytes([15] + 31 * [0]))
    with pytest.raises(UserError, match="these are 31"):
        Instruction.decode(bytes(31))
