"""Programs that do without one of the engine's techniques, with the same results.

Edge-MoE shows what each of its techniques is worth by leaving it out (its Table V). Here the
hardware stays as it is and the program changes, so that the same integers come out, later. Every
variant says exactly what it does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from m3vit.hls.isa import LINE_BYTES, TO_KEYS, TO_RESIDUAL, TO_VALUES, WIDE_GATE, Instruction
from m3vit.host.program import Plan, Program

Instructions = Sequence[Instruction]


@dataclass(frozen=True)
class Technique:
    """Something that the engine does, and a program without it.

    Attributes:
        name: of the technique. without: what the variant does instead.
        rewrite: a plan and its program -> the variant.
    """

    name: str
    without: str
    rewrite: Callable[[Plan, Instructions], Iterator[Instruction]]


def without(plan: Plan, task: str, technique: Technique) -> Plan:
    """The plan with a task's program replaced by the variant, behind everything else in memory."""
    name = plan.model.task(task).name
    scratch = -(-plan.arena_bytes // LINE_BYTES)
    rows = len(plan.programs[name].instructions) * plan.model.network.num_tokens
    line = scratch + SCRATCH_LINES + rows
    moved = replace(plan, arena_bytes=scratch * LINE_BYTES)
    instructions = tuple(technique.rewrite(moved, plan.programs[name].instructions))
    encoded = np.frombuffer(b"".join(item.encode() for item in instructions), np.uint8)
    first, second = plan.slots
    changed = {**first.programs, name: Program(instructions, line)}
    return replace(
        plan,
        arena_bytes=line * LINE_BYTES + -(-encoded.size // LINE_BYTES) * LINE_BYTES,
        content=(*plan.content, (line * LINE_BYTES, encoded)),
        slots=(replace(first, programs=changed), second),
    )


SCRATCH_LINES = 256
"""Behind a plan's memory: a row of the residual stream."""


def _changed(instruction: Instruction, **values: int) -> Instruction:
    fields = {**instruction.values, **values}
    return Instruction(instruction.name, **fields)


def _scratch(plan: Plan) -> int:
    return plan.arena_bytes // LINE_BYTES


def _wait(plan: Plan) -> Iterator[Instruction]:
    """A row goes to memory and comes back: nothing behind is issued before it is stored."""
    words = next(
        item["words"] for item in next(iter(plan.programs.values())).instructions
        if item.name == "LOAD"
    )  # fmt: skip
    beats = -(-words * plan.design.lanes // 8)
    place = {"address": _scratch(plan), "beats": beats, "rows": 1, "words": words}
    yield Instruction("STORE", **place)
    yield Instruction("LOAD", **place)


def _sums(instruction: Instruction) -> bool:
    """It adds to the residual stream."""
    return instruction.name == "EXPERTS" or (
        instruction.name == "MATMUL" and instruction["destination"] == TO_RESIDUAL
    )


def _fetch_late(plan: Plan, program: Instructions) -> Iterator[Instruction]:
    for instruction in program:
        yield instruction
        if _sums(instruction) or instruction.name == "GATE":
            yield from _wait(plan)


def _guess_nothing(plan: Plan, program: Instructions) -> Iterator[Instruction]:
    for instruction in program:
        yield instruction
        if instruction.name == "GATE":
            yield from _wait(plan)


def _normalise_first(plan: Plan, program: Instructions) -> Iterator[Instruction]:
    for instruction in program:
        yield instruction
        if instruction.name == "NORM" and instruction["wide"] != WIDE_GATE:
            yield from _wait(plan)


def _logits_twice(_: Plan, program: Instructions) -> Iterator[Instruction]:
    for instruction in program:
        if instruction.name == "ATTENTION":
            yield _changed(instruction, value_groups=1)
        yield instruction


def _row_by_row(_: Plan, program: Instructions) -> Iterator[Instruction]:
    # Queries first, for an ATTENTION of a row other than the first waits for keys and values only.
    held: list[Instruction] = []
    for instruction in program:
        if instruction.name == "MATMUL" and instruction["destination"] in (TO_KEYS, TO_VALUES):
            held.append(instruction)
            continue
        if instruction.name != "ATTENTION":
            yield instruction
            continue
        yield from held
        held = []
        for row in range(instruction["rows"]):
            yield _changed(
                instruction,
                rows=1,
                base=instruction["base"] + row * instruction["stride"],
                to_base=instruction["to_base"] + row * instruction["to_stride"],
            )


def _token_by_token(plan: Plan, program: Instructions) -> Iterator[Instruction]:
    line = _scratch(plan) + SCRATCH_LINES
    held: list[Instruction] = []
    for instruction in program:
        if instruction.name == "NORM" and instruction["wide"] == WIDE_GATE:
            held = [instruction]
        elif held and instruction.name != "EXPERTS":
            held.append(instruction)
        elif held:
            norm = held[0]
            gate = next(item for item in held if item.name == "GATE")
            yield from (item for item in held[1:] if item is not gate)
            for token in range(norm["rows"]):
                place = {"base": norm["base"] + token * norm["stride"]}
                yield _changed(norm, rows=1, first=norm["first"] + token, **place)
                kept = gate["kept"]
                yield _changed(gate, rows=1, pick_count=kept, picks=line)
                yield _changed(
                    instruction, rows=1, to_first=instruction["to_first"] + token, **place
                )
                line += 1
            held = []
        else:
            yield instruction


TECHNIQUES = (
    Technique(
        "experts in turn, each for all its tokens",
        "NORM, GATE and EXPERTS for one token after another; each fetches its experts again",
        _token_by_token,
    ),
    Technique(
        "keys and values read once for a block of queries",
        "an ATTENTION per query: all tiles of keys and values are read for each",
        _row_by_row,
    ),
    Technique(
        "softmax in one pass",
        "logits twice: each ATTENTION runs before itself with one word of values",
        _logits_twice,
    ),
    Technique(
        "normalisation on the way to the array",
        "a NORM has read all its rows before anything behind it is issued",
        _normalise_first,
    ),
    Technique(
        "weights fetched ahead",
        "nothing is issued, and so no weight fetched, before a sum into the residual stream or a "
        "gate is complete",
        _fetch_late,
    ),
    Technique(
        "experts fetched before they are known",
        "EXPERTS is issued when its gate is complete",
        _guess_nothing,
    ),
)
"""What is measured; docs/performance.md has the numbers."""
