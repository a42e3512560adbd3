"""Programs of the engine as text: a line per instruction."""

from collections.abc import Iterator

from m3vit.errors import UserError
from m3vit.hls.isa import INSTRUCTION_BYTES, MEANINGS, Field, Instruction


def disassemble(program: bytes) -> Iterator[str]:
    """A program's bytes as lines: position, name, and all fields that are not zero.

    Addresses are lines of 64 bytes in hexadecimal. What is no instruction is shown as it is.

    Raises:
        UserError: the bytes are no whole instructions.
    """
    if len(program) % INSTRUCTION_BYTES:
        raise UserError(
            f"{len(program)} bytes are no program, for an instruction has {INSTRUCTION_BYTES}: "
            "give all of it"
        )
    for position, start in enumerate(range(0, len(program), INSTRUCTION_BYTES)):
        content = program[start : start + INSTRUCTION_BYTES]
        try:
            text = instruction_text(Instruction.decode(content))
        except UserError:
            text = f"{'?':<9} {content.hex()}"
        yield f"{position:>5}  {text}"


def instruction_text(instruction: Instruction) -> str:
    """Such as `LOAD      address=0x1f beats=96 rows=16 words=12`."""
    fields = [
        f"{field.name}={_value_text(field, instruction[field.name])}"
        for field in instruction.kind.fields
        if instruction[field.name] or field.name in MEANINGS
    ]
    return f"{instruction.name:<9} {' '.join(fields)}".rstrip()


def _value_text(field: Field, value: int) -> str:
    names = MEANINGS.get(field.name, ())
    if 0 <= value < len(names):
        return names[value]
    return f"{value:#x}" if field.is_address or field.name == "design" else str(value)
