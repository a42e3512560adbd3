"""Ways to spoil a program: its bytes, its length, its place, its arena."""

from collections.abc import Callable
from random import Random

from m3vit.hls.isa import BY_OPCODE, INSTRUCTION_BYTES, OPCODE_BITS

Text = list[bytes]
"""A program, instruction by instruction."""

INSTRUCTION_BITS = 8 * INSTRUCTION_BYTES


def split(program: bytes) -> Text:
    """Into instructions."""
    return [
        program[start : start + INSTRUCTION_BYTES]
        for start in range(0, len(program), INSTRUCTION_BYTES)
    ]


def damaged(program: Text, random: Random) -> tuple[str, Text]:
    """What was done, and the program after it; at times after two or three such things."""
    done = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        spoil = random.choice(_WAYS)
        program = spoil(list(program), random)
        done.append(spoil.__name__.strip("_").replace("_", " "))
    return ", ".join(done), program


def _flip_a_bit(program: Text, random: Random) -> Text:
    return _flipped(program, random, 1)


def _flip_bits(program: Text, random: Random) -> Text:
    return _flipped(program, random, random.randint(2, 8))


def _flipped(program: Text, random: Random, count: int) -> Text:
    for _ in range(count):
        if program:
            place = random.randrange(len(program))
            bits = int.from_bytes(program[place], "little")
            program[place] = _encoded(bits ^ 1 << random.randrange(INSTRUCTION_BITS))
    return program


def _set_a_field(program: Text, random: Random) -> Text:
    """To a bound of its range, or a neighbour of its value."""
    for place in random.sample(range(len(program)), len(program)):
        bits = int.from_bytes(program[place], "little")
        kind = BY_OPCODE.get(bits & ((1 << OPCODE_BITS) - 1))
        if kind is not None and kind.fields:
            field = random.choice(kind.fields)
            low = kind.positions[field.name]
            mask = (1 << field.bits) - 1
            value = bits >> low & mask
            other = random.choice((0, 1, mask, mask >> 1, value + 1, value - 1)) & mask
            program[place] = _encoded(bits ^ (value ^ other) << low)
            break
    return program


def _shuffle(program: Text, random: Random) -> Text:
    middle = program[1:-1]
    random.shuffle(middle)
    return [*program[:1], *middle, *program[1:][-1:]]


def _swap(program: Text, random: Random) -> Text:
    if len(program) > 1:
        one, other = random.sample(range(len(program)), 2)
        program[one], program[other] = program[other], program[one]
    return program


def _cut_off(program: Text, random: Random) -> Text:
    return program[: random.randint(0, len(program))]


def _leave_out(program: Text, random: Random) -> Text:
    if program:
        program.pop(random.randrange(len(program)))
    return program


def _repeat(program: Text, random: Random) -> Text:
    if program:
        place = random.randrange(len(program))
        program.insert(random.randint(0, len(program)), program[place])
    return program


def _random_bytes(program: Text, random: Random) -> Text:
    if program:
        program[random.randrange(len(program))] = random.randbytes(INSTRUCTION_BYTES)
    return program


def _another_opcode(program: Text, random: Random) -> Text:
    if program:
        place = random.randrange(len(program))
        bits = int.from_bytes(program[place], "little")
        mask = (1 << OPCODE_BITS) - 1
        program[place] = _encoded(bits & ~mask | random.randint(0, mask))
    return program


_WAYS: tuple[Callable[[Text, Random], Text], ...] = (
    _flip_a_bit,
    _flip_a_bit,
    _flip_bits,
    _set_a_field,
    _set_a_field,
    _shuffle,
    _swap,
    _cut_off,
    _leave_out,
    _repeat,
    _random_bytes,
    _another_opcode,
)


def _encoded(bits: int) -> bytes:
    return bits.to_bytes(INSTRUCTION_BYTES, "little")
