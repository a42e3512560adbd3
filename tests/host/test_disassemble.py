"""Programs as text."""

import pytest

from m3vit.errors import UserError
from m3vit.hls.isa import Instruction
from m3vit.host.disassemble import disassemble


def test_a_line_per_instruction_with_the_fields_that_are_set():
    program = b"".join(
        instruction.encode()
        for instruction in (
            Instruction("BEGIN", design=0xC0FFEE, version=1),
            Instruction("LOAD", address=0x1F, beats=96, rows=16, words=12),
            Instruction("MATMUL", rows=16, weights=0x40, zero_point=-3, destination=2),
            Instruction("MATMUL", rows=1),
            Instruction("NORM", first=1, wide=2, store=4096),
            Instruction("END"),
        )
    )
    assert list(disassemble(program)) == [
        "    0  BEGIN     design=0xc0ffee version=1",
        "    1  LOAD      address=0x1f beats=96 rows=16 words=12",
        "    2  MATMUL    rows=16 weights=0x40 zero_point=-3 destination=keys",
        "    3  MATMUL    rows=1 destination=tokens",
        "    4  NORM      first=1 wide=memory store=0x1000",
        "    5  END",
    ]


def test_what_is_no_instruction_is_shown():
    content = bytes([15, 1, *30 * [0]])
    assert list(disassemble(content)) == [f"    0  ?         {content.hex()}"]


def test_values_without_a_name_are_numbers():
    assert list(disassemble(Instruction("MATMUL", destination=7).encode())) == [
        "    0  MATMUL    destination=7"
    ]


def test_half_an_instruction_is_refused():
    with pytest.raises(UserError, match="33 bytes are no program"):
        list(disassemble(bytes(33)))
