"""What a program of the engine computes: the definition of the instruction set in NumPy.

Instructions run one after another. The engine overlaps them, but keeps reads and writes in the
order of the program, so that its results are these.
"""

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    ENDINGS,
    FIELD_OUT_OF_RANGE,
    INSTRUCTION_BYTES,
    NO_END,
    OUTSIDE_ARENA,
    UNKNOWN_INSTRUCTION,
    VERSION,
    WRONG_DESIGN,
    WRONG_ORDER,
    Instruction,
)
from m3vit.hls.isa_checks import broken_rule
from m3vit.hls.isa_order import ProgramOrder

from .arena import Arena, OutsideArenaError
from .machine import Machine


class ProgramStopError(Exception):
    """A program that ends with an error.

    Attributes:
        code: one of `isa.ENDINGS`. position: of the instruction in the program, from 0.
    """

    def __init__(self, code: int, position: int, reason: str) -> None:
        super().__init__(f"instruction {position}: {ENDINGS[code]}: {reason}")
        self.code = code
        self.position = position


def execute(
    design: DesignConfig, arena: NDArray[np.uint8], program_line: int, instructions: int
) -> None:
    """Run a program; what it stores is in the arena afterwards.

    The memories on the chip begin with noise, as hardware may: results do not depend on it.

    Args:
        design: the hardware.
        arena: (bytes,) uint8, changed in place.
        program_line: at which the program begins.
        instructions: that it has; none behind END is looked at.

    Raises:
        ProgramStopError: the engine would stop with an error code.
    """
    machine = Machine(design, Arena(design, arena))
    order = ProgramOrder(design)
    for position in range(instructions):
        try:
            instruction = _fetch(machine.arena, program_line, position)
            check(instruction, order, design, position)
            # Parameters that no compiler writes give undefined codes, but no error.
            with np.errstate(invalid="ignore", over="ignore"):
                machine.run(instruction)
        except OutsideArenaError as error:
            raise ProgramStopError(OUTSIDE_ARENA, position, str(error)) from None
        if instruction.name == "END":
            return
    raise ProgramStopError(NO_END, max(instructions - 1, 0), f"{instructions} instructions")


def check(
    instruction: Instruction, order: ProgramOrder, design: DesignConfig, position: int
) -> None:
    """Everything that the dispatcher checks, in its order; then `order` is a step further.

    Raises:
        ProgramStopError: with the code of the first check that fails.
    """
    checks = [(WRONG_ORDER, order.broken_frame(instruction))]
    if instruction.name == "BEGIN":
        found = instruction["design"], instruction["version"]
        expected = design.design_id, VERSION
        fault = f"design {found[0]:08x}, version {found[1]}" if found != expected else None
        checks.append((WRONG_DESIGN, fault))
    checks.append((FIELD_OUT_OF_RANGE, broken_rule(instruction, design)))
    checks.append((WRONG_ORDER, order.broken_pair(instruction)))
    for code, reason in checks:
        if reason is not None:
            raise ProgramStopError(code, position, reason)
    order.step(instruction)


def _fetch(arena: Arena, program_line: int, position: int) -> Instruction:
    end = (position + 1) * INSTRUCTION_BYTES
    content = arena.read(program_line, end)[-INSTRUCTION_BYTES:].tobytes()
    try:
        return Instruction.decode(content)
    except UserError as error:
        raise ProgramStopError(UNKNOWN_INSTRUCTION, position, str(error)) from None
