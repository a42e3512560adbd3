"""How a program may end, from its bytes alone.

The dispatcher reads ahead, so an error of a later instruction may come before an earlier one has
left the arena; and experts that no token chose may be fetched. Otherwise the ending is certain.
"""

from dataclasses import dataclass

import numpy as np

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    BY_NAME,
    ENDINGS,
    INSTRUCTION_BYTES,
    LINE_BYTES,
    NO_END,
    OPCODE_BITS,
    OUTSIDE_ARENA,
    READ_ERROR,
    STALLED,
    STOPPED_WELL,
    TOO_MANY_CYCLES,
    UNKNOWN_INSTRUCTION,
    WRITE_ERROR,
    Instruction,
)
from m3vit.hls.isa_checks import ceiling
from m3vit.hls.isa_order import ProgramOrder

from .arena import Bytes
from .interpreter import ProgramStopError, check
from .memory_use import Use, uses

_NEVER = {READ_ERROR, WRITE_ERROR, STALLED, TOO_MANY_CYCLES}


@dataclass(frozen=True)
class Endings:
    """What may become of a program.

    Attributes:
        codes: of which STATUS has one.
        position: that belongs to the dispatcher's code, which is the first of `codes`.
        reads: what certainly is read if the program ends well, itself too.
        writes: the lines that it may write, and no others.
    """

    codes: tuple[int, ...]
    position: int
    reads: tuple[Use, ...]
    writes: tuple[Use, ...]


def possible_endings(
    design: DesignConfig, arena: Bytes, program_line: int, instructions: int
) -> Endings:
    """Walk through a program.

    Args:
        design: the hardware.
        arena: (bytes,) as it is at the start.
        program_line: at which the program begins.
        instructions: that the engine is told.
    """
    lines = arena.size // LINE_BYTES
    needed = ceiling(instructions * INSTRUCTION_BYTES, LINE_BYTES)
    own = Use("program", program_line, needed)
    found = _walk(design, arena, program_line, instructions)
    touched = [own, *found.uses]
    codes = [found.code]
    if any(use.end > lines for use in touched):
        codes.append(OUTSIDE_ARENA)
        if found.code == STOPPED_WELL and any(
            use.end > lines and use.certain for use in found.uses
        ):
            codes.remove(STOPPED_WELL)
    if not found.end_seen:
        codes.append(NO_END)
    writes = tuple(use for use in found.uses if use.writes)
    if any(use.line < own.end and own.line < use.end for use in writes):
        # The program writes itself, and may have been fetched before or after.
        return Endings(tuple(ENDINGS.keys() - _NEVER), 0, (), (Use("arena", 0, lines, True),))
    reads = tuple(use for use in touched if use.certain and not use.writes)
    return Endings(tuple(codes), found.position, reads, writes)


@dataclass(frozen=True)
class _Walk:
    code: int
    position: int
    uses: tuple[Use, ...]
    end_seen: bool  # an instruction with the opcode of END


def _walk(design: DesignConfig, arena: Bytes, line: int, instructions: int) -> _Walk:
    """Up to the first instruction that the dispatcher refuses, or END."""
    order = ProgramOrder(design)
    found: list[Use] = []
    opcodes = _opcodes(arena, line, instructions)
    end_seen = bool(np.any(opcodes == BY_NAME["END"].opcode))
    for position in range(instructions):
        start = line * LINE_BYTES + position * INSTRUCTION_BYTES
        content = arena[start : start + INSTRUCTION_BYTES].tobytes()
        if len(content) < INSTRUCTION_BYTES:
            return _Walk(OUTSIDE_ARENA, position, tuple(found), end_seen)
        try:
            instruction = Instruction.decode(content)
            check(instruction, order, design, position)
        except UserError:
            return _Walk(UNKNOWN_INSTRUCTION, position, tuple(found), end_seen)
        except ProgramStopError as stop:
            return _Walk(stop.code, position, tuple(found), end_seen)
        found += uses(instruction, design)
        if instruction.name == "END":
            return _Walk(STOPPED_WELL, position, tuple(found), end_seen)
    return _Walk(NO_END, instructions, tuple(found), end_seen)


def _opcodes(arena: Bytes, line: int, instructions: int) -> Bytes:
    start = line * LINE_BYTES
    first_bytes = arena[start : start + instructions * INSTRUCTION_BYTES : INSTRUCTION_BYTES]
    return first_bytes & np.uint8((1 << OPCODE_BITS) - 1)
