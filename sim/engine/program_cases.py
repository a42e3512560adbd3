"""Programs good and bad for the engine, and the memory that each runs in."""

from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

import numpy as np

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES
from m3vit.hls.isa_checks import ceiling
from m3vit.host.program import Plan, build_plan
from m3vit.model.synthetic import NANO, random_image, random_model
from m3vit.sim.streams.programs import RandomProgram

from .arena import Bytes
from .damage import damaged, split
from .library import Memory
from .sound_programs import sound_program

ARENA_LINES = 1 << 14
MOST_INSTRUCTIONS = (1 << 16) - 1
NETWORK = replace(NANO, image_height=16, image_width=16, num_layers=2, moe_layers=[1])
"""Five tokens; whose programs are damaged."""


@dataclass(frozen=True)
class Case:
    """A program in its arena.

    Attributes:
        seed: that made it, the same again.
        kind: of program, and what was done to it.
        arena: (bytes,) whole lines; all that the engine may touch.
        line: at which the engine is told that the program begins.
        instructions: how many it is told.
        memory: how it behaves.
        defined: it ends well, and what it leaves in the arena is certain.
    """

    seed: int
    kind: str
    arena: Bytes = field(repr=False)
    line: int
    instructions: int
    memory: Memory
    defined: bool = False

    def __str__(self) -> str:
        return (
            f"seed {self.seed} ({self.kind}; {self.instructions} instructions, "
            f"{self.arena.size // LINE_BYTES} lines, stalls {self.memory.stalls})"
        )


def random_case(design: DesignConfig, seed: int) -> Case:
    """A case of any kind."""
    random = Random(seed)
    made = random.choice((_sound, _sound, _spoilt, _any, _network, _noise))
    return replace(made(design, seed, random), memory=_memory(random))


def sound_case(design: DesignConfig, seed: int, memory: Memory | None = None) -> Case:
    """A program that ends well with defined results."""
    return replace(_sound(design, seed, Random(seed)), memory=memory or Memory())


# Kinds --------------------------------------------------------------------------------------------


def _sound(design: DesignConfig, seed: int, random: Random) -> Case:
    """As it is, in an arena without a line to spare at its end."""
    sound = sound_program(design, seed, random.choice((2, 6, 12, 30)))
    arena = _noisy(seed, sound.lines)
    for line, content in sound.content:
        arena[line * LINE_BYTES :][: content.size] = content
    return Case(seed, "sound", arena, sound.line, len(sound.instructions), Memory(), True)


def _spoilt(design: DesignConfig, seed: int, random: Random) -> Case:
    """A sound program after something has happened to it."""
    sound = _sound(design, seed, random)
    start = sound.line * LINE_BYTES
    return _put(sound, "sound", sound.arena[start:].tobytes(), sound.instructions, random)


def _any(design: DesignConfig, seed: int, random: Random) -> Case:
    """Instructions that pass every check, with contents and addresses at random."""
    instructions = RandomProgram(design, seed).instructions(random.randint(1, 8))
    changed = []
    for instruction in instructions:
        values = dict(instruction.values)
        for name in (entry.name for entry in instruction.kind.fields if entry.is_address):
            if random.random() < 0.95:
                values[name] = random.randrange(ARENA_LINES * 3 // 4)
        if "expert_lines" in values:
            values["expert_lines"] %= 64
        changed.append(type(instruction)(instruction.name, **values))
    text = b"".join(instruction.encode() for instruction in changed)
    line = ARENA_LINES - ceiling(len(text), LINE_BYTES)
    arena = _noisy(seed, ARENA_LINES)
    arena[line * LINE_BYTES :][: len(text)] = np.frombuffer(text, np.uint8)
    return Case(seed, "valid", arena, line, len(instructions), Memory())


def _network(design: DesignConfig, seed: int, random: Random) -> Case:
    """A network's program, damaged."""
    plan = _plan(design)
    arena = _noisy(seed, ceiling(plan.arena_bytes, LINE_BYTES))
    plan.write_to(arena)
    pixels = plan.place_image(random_image(NETWORK, seed))
    arena[plan.image.start :][: len(pixels)] = np.frombuffer(pixels, np.uint8)
    group = random.choice((plan.programs, plan.traced, plan.suffixes, {"": plan.prefix}))
    program = random.choice(list(group.values()))
    case = Case(seed, "", arena, program.line, len(program.instructions), Memory())
    text = b"".join(instruction.encode() for instruction in program.instructions)
    return _put(case, "network", text, case.instructions, random)


def _noise(design: DesignConfig, seed: int, random: Random) -> Case:
    """No program at all, or one that begins like one."""
    arena = _noisy(seed, random.randint(1, 200))
    lines = arena.size // LINE_BYTES
    line = random.randrange(lines)
    if random.randrange(2):
        begin = RandomProgram(design, seed).instructions(1)[0].encode()
        arena[line * LINE_BYTES :][: len(begin)] = np.frombuffer(begin, np.uint8)
    return Case(seed, "noise", arena, line, random.randint(0, 4 * lines), Memory())


def _put(case: Case, kind: str, text: bytes, instructions: int, random: Random) -> Case:
    """A damaged program behind the arena's content, or wrong words about a good one."""
    program = split(text)[:instructions]
    if random.random() < 0.75:
        what, program = damaged(program, random)
        content = np.frombuffer(b"".join(program), np.uint8)
        lines = ceiling(content.size, LINE_BYTES)
        line = case.arena.size // LINE_BYTES
        arena = np.concatenate([case.arena, _noisy(case.seed, lines)])
        arena[line * LINE_BYTES :][: content.size] = content
        return replace(
            case,
            kind=f"{kind}, {what}",
            arena=arena,
            line=line,
            instructions=len(program),
            defined=False,
        )
    lines = case.arena.size // LINE_BYTES
    what = random.choice(("length", "line", "arena"))
    if what == "length":
        longer = random.randint(0, 3 * instructions)
        changed = replace(case, instructions=random.choice((longer, MOST_INSTRUCTIONS)))
    elif what == "line":
        near = min(max(case.line + random.randint(-3, 3), 0), lines)
        anywhere = random.randrange(1 << 26)
        changed = replace(case, line=random.choice((near, random.randrange(lines), anywhere)))
    else:
        left = random.randint(0, lines)
        changed = replace(case, arena=case.arena[: left * LINE_BYTES].copy())
    return replace(changed, kind=f"{kind}, wrong {what}", defined=False)


def _memory(random: Random) -> Memory:
    return Memory(
        read_latency=random.choice((1, 20, 60, 300)),
        write_latency=random.choice((1, 40, 200)),
        bandwidth=random.choice((16, 32, 50, 64)),
        bandwidth_cycles=random.choice((1, 1, 2)),
        stalls=random.choice((0, 0, 40, 128, 200)),
    )


def _noisy(seed: int, lines: int) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, lines * LINE_BYTES, np.uint8)


@cache
def _plan(design: DesignConfig) -> Plan:
    return build_plan(random_model(NETWORK, seed=1), design)
