"""What the loader asks for, against the layout of weights in memory and the experts' queues."""

import dataclasses

import numpy as np
import pytest

from m3vit.hls.isa import Instruction
from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim import kernels
from m3vit.sim.rtl import stalls
from m3vit.sim.rtl.bench import run_bench


@dataclasses.dataclass(frozen=True)
class Experts:
    """EXPERTS, and how many tokens have chosen each."""

    instruction: Instruction
    lengths: np.ndarray


def matmul(weights, groups, beats, chunks):
    return Instruction("MATMUL", weights=weights, groups=groups, beats=beats, chunks=chunks)


def gate(weights, groups, beats):
    return Instruction("GATE", weights=weights, groups=groups, beats=beats)


def experts(lengths, slot=0, up=(6, 3), down=(2, 9), first=0, weights=1000, lines=5000):
    """`up` and `down` are groups and beats."""
    instruction = Instruction(
        "EXPERTS",
        weights=weights,
        expert_lines=lines,
        first=first,
        experts=len(lengths),
        slot=slot,
        up_groups=up[0],
        up_beats=up[1],
        down_groups=down[0],
        down_beats=down[1],
    )
    return Experts(instruction, np.array(lengths))


def chunk(design, line, groups, beats, parameters=True):
    """Line and lines of memory, parameter words and tiles of a chunk."""
    words, tiles = groups if parameters else 0, groups * beats
    content = words * design.lanes * 8 + tiles * design.array_outputs * design.array_inputs
    return line, -(-content // 64), words, tiles


def streams(design, program, tile_credits=(), parameter_credits=()):
    """Input streams of the loader."""
    types = {name: stream.dtype for name, stream in kernels.stream_types("loader", design).items()}
    instructions = np.zeros(len(program), types["instructions"])
    instructions["word"] = [
        np.frombuffer(getattr(entry, "instruction", entry).encode(), "<u8") for entry in program
    ]
    entries = [entry for entry in program if isinstance(entry, Experts)]
    queues = np.zeros(sum(entry.lengths.size for entry in entries), types["queues"])
    queues["expert"] = np.concatenate(
        [entry.instruction["first"] + np.arange(entry.lengths.size) for entry in entries] or [[]]
    )
    queues["length"] = np.concatenate([entry.lengths for entry in entries] or [[]])
    return {
        "instructions": instructions,
        "queues": queues,
        "tile_credits": np.array(tile_credits, types["tile_credits"]),
        "parameter_credits": np.array(parameter_credits, types["parameter_credits"]),
    }


def chunks_of_expert(design, instruction, expert):
    """Both chunks of an expert, numbered from the instruction's first."""
    line = instruction["weights"] + expert * instruction["expert_lines"]
    up = chunk(design, line, instruction["up_groups"], instruction["up_beats"])
    down = chunk(design, line + up[1], instruction["down_groups"], instruction["down_beats"])
    return [up, down]


def check(design, program, found):
    """Compare requests, contents and experts with a program; the experts of each EXPERTS.

    Experts that the slot's last EXPERTS needed (at first none) may come ahead, in order, until the
    lengths arrive; behind them the others that are needed.
    """
    expected, came, sets = [], [], {}
    fetched = found["fetched"]
    for entry in program:
        if not isinstance(entry, Experts):
            line, chunks = entry["weights"], entry["chunks"] if entry.name == "MATMUL" else 1
            for _ in range(chunks):
                size = entry["groups"], entry["beats"]
                expected.append(chunk(design, line, *size, entry.name == "MATMUL"))
                line += expected[-1][1]
            continue
        instruction = entry.instruction
        end = int(np.argmax(fetched["end"]))
        numbers = (fetched["expert"][:end].astype(int) - instruction["first"]).tolist()
        fetched = fetched[end + 1 :]
        needed = set(np.flatnonzero(entry.lengths))
        last = sorted(sets.get(instruction["slot"], ()))
        splits = (last[:ahead] for ahead in range(len(last) + 1))
        assert numbers in [guessed + sorted(needed - set(guessed)) for guessed in splits]
        sets[instruction["slot"]] = needed
        came.append(numbers)
        for expert in numbers:
            expected += chunks_of_expert(design, instruction, expert)
    assert fetched.size == 0
    lines, sizes, words, tiles = np.array(expected).T
    np.testing.assert_array_equal(found["requests"]["line"], lines)
    np.testing.assert_array_equal(found["requests"]["lines"], sizes)
    np.testing.assert_array_equal(found["contents"]["parameters"], words)
    np.testing.assert_array_equal(found["contents"]["tiles"], tiles)
    return came


def run(target, design, program, pattern=stalls.NONE, **freed):
    """The hardware until nothing moves any more."""
    inputs = streams(design, program, **freed)
    patience = 3000
    return run_bench(
        target("loader", design), inputs, None, None, pattern, engine="native", patience=patience
    )


MANY = [20_000]
"""Credits with which room never runs out."""

FREE = {"tile_credits": MANY, "parameter_credits": MANY}

PATTERNS = stalls.every_pattern(["queues", "tile_credits"])
QUEUES_LATE = stalls.Stalls("queues starved", streams={"queues": stalls.until_quiet(1)})

LINEAR = [
    matmul(0, 6, 3, 6),
    matmul(70_000, 1, 1, 1),
    gate((1 << 26) - 4, 2, 3),
    matmul(5, 12, 24, 3),
    gate(77, 1, 1),
    matmul(500, 1, 200, 5),
]


def lengths(*needed, experts=16):
    """Queue lengths of which these are not zero."""
    found = np.zeros(experts, int)
    found[list(needed)] = 1 + np.arange(len(needed)) * 250
    return found


ROUTED = [
    matmul(9, 3, 3, 2),
    experts(lengths(0, 3, 7, 8, 15), slot=63),
    gate(77, 2, 3),
    experts(lengths(), slot=5),
    experts(lengths(2, 5, experts=6), slot=5, first=10),
    experts(lengths(7, 9), slot=63, up=(4, 1), down=(1, 1)),
    experts(lengths(*range(16)), slot=63),
    matmul(9, 3, 3, 2),
    experts(lengths(1, experts=2), slot=63),
    experts(lengths(0, experts=1), slot=0),
]


def test_chunks_of_matmuls_and_gates(nano, ladder):
    inputs = streams(nano, LINEAR, MANY, MANY)
    found = kernels.run("loader", nano, inputs)
    check(nano, LINEAR, found)
    found = ladder("loader", nano, inputs, found, rtl=True)
    assert found["requests"].beats == 17


def test_a_request_every_other_cycle(nano, target):
    result = run(target, nano, [matmul(0, 1, 1, 255)], **FREE)
    assert result.streams["requests"].interval == 2


def test_experts_whose_queues_are_known(nano):
    """Only those that are needed."""
    found = kernels.run("loader", nano, streams(nano, ROUTED, MANY, MANY))
    for entry, came in zip(routed(ROUTED), check(nano, ROUTED, found), strict=True):
        assert came == np.flatnonzero(entry.lengths).tolist()


def routed(program):
    return [entry for entry in program if isinstance(entry, Experts)]


def test_experts_in_threads(nano):
    inputs = streams(nano, ROUTED, MANY, MANY)
    check(nano, ROUTED, kernels.run("loader", nano, inputs, threads=True))


@pytest.mark.parametrize("pattern", PATTERNS, ids=[pattern.name for pattern in PATTERNS])
def test_experts_in_hardware(nano, target, pattern):
    check(nano, ROUTED, run(target, nano, ROUTED, pattern, **FREE).outputs)


def test_experts_ahead_of_their_queues(nano, target):
    """At first none of them, then those of the last time, by slot."""
    program = [
        experts(lengths(2, 4, 11), slot=1),
        experts(lengths(*range(16)), slot=2),
        experts(lengths(0, 4), slot=1),
        experts(lengths(1), slot=2),
        experts(lengths(3), slot=1),
    ]
    result = run(target, nano, program, QUEUES_LATE, **FREE)
    every = list(range(16))
    assert check(nano, program, result.outputs) == [
        [2, 4, 11],
        every,
        [2, 4, 11, 0],
        every,
        [0, 4, 3],
    ]


def test_no_chunk_without_room(nano, target):
    """Two of 3000 tiles fit, the third when 808 places more are free; then parameters decide."""
    tiles = [matmul(0, 100, 30, 3)]
    for freed, requests in (([807], 2), ([807, 1], 3)):
        found = run(target, nano, tiles, tile_credits=freed).outputs["requests"]
        assert found.size == requests
    parameters = [matmul(0, 400, 1, 5)]
    for freed, requests in (([175], 2), ([175, 1], 3), ([100, 76, 400, 400], 5)):
        found = run(target, nano, parameters, parameter_credits=freed).outputs["requests"]
        assert found.size == requests


@pytest.mark.parametrize(("freed", "ahead"), [([], 2), ([1415], 2), ([1416], 3)])
def test_no_expert_ahead_without_room_for_all_of_it(nano, target, freed, ahead):
    """Each takes 3200 of 8184 tiles; of the third the first matmul's alone would fit."""
    before = experts(lengths(0, 1, 2, 5), up=(1, 1), down=(1, 1))
    program = [before, experts(lengths(1, 5), up=(20, 80), down=(20, 80))]
    found = run(target, nano, program, QUEUES_LATE, tile_credits=freed).outputs
    first, numbers = [0, 1, 2, 5], [*range(ahead), 5]
    fetched = found["fetched"]
    came = fetched["expert"][fetched["end"] == 0].tolist()
    assert came == first + (numbers if ahead == 2 else numbers[:-1])
    expected = [
        request[0]
        for entry, fetches in zip(program, (first, numbers), strict=True)
        for expert in fetches
        for request in chunks_of_expert(nano, entry.instruction, expert)
    ]
    requests = found["requests"]["line"].tolist()
    assert requests == expected[: 8 + (5 if ahead == 2 else 6)]


def test_large_design(zcu104):
    random = np.random.default_rng(0)
    program = [matmul(300, 12, 6, 3), gate(5, 4, 6)]
    for slot in (0, 1, 0):
        chosen = random.integers(0, 3, 64)
        program.append(experts(chosen, slot, up=(8, 6), down=(12, 4), lines=1000))
    found = kernels.run("loader", zcu104, streams(zcu104, program, MANY, MANY))
    check(zcu104, program, found)


def test_a_step_per_cycle(zcu104):
    report = compile_kernel("loader", zcu104).report
    assert [m.interval for m in report.modules if m.kind == "process"] == [1, 1]
