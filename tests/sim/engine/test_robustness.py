"""Whatever a program is: it ends with a code, writes only where it may, and does no harm."""

import secrets
from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    ENDINGS,
    LINE_BYTES,
    NO_END,
    OUTSIDE_ARENA,
    READ_ERROR,
    STALLED,
    TOO_MANY_CYCLES,
    WRITE_ERROR,
    WRONG_DESIGN,
    Instruction,
)
from m3vit.hls.registers import DONE, IDLE, START
from m3vit.sim.engine import program_fuzz
from m3vit.sim.engine.interpreter import execute
from m3vit.sim.engine.library import Memory
from m3vit.sim.engine.program_cases import Case, random_case, sound_case
from m3vit.sim.engine.program_endings import possible_endings
from m3vit.sim.engine.program_fuzz import FIRST_LINE, Bench, verdicts

NANO = DesignConfig.load("nano")
BEGIN = Instruction("BEGIN", design=NANO.design_id, version=1)
END = Instruction("END")
STORE = Instruction("STORE", address=90, beats=2, rows=4, words=1)


@pytest.fixture(scope="module")
def bench():
    made = Bench(NANO)
    yield made
    made.close()


def case(*instructions, lines=100, memory=None):
    """These instructions from line 7 of an arena of noise."""
    text = b"".join(instruction.encode() for instruction in instructions)
    arena = np.random.default_rng(0).integers(0, 256, lines * LINE_BYTES, np.uint8)
    arena[7 * LINE_BYTES :][: len(text)] = np.frombuffer(text, np.uint8)
    return Case(0, "by hand", arena, 7, len(instructions), memory or Memory())


def ending(bench, made, **limits):
    """Code and position, with limits of its own; the network runs afterwards."""
    start = FIRST_LINE * LINE_BYTES
    bench.library.memory[start : start + made.arena.size] = made.arena
    bench.prepare(made)
    for name, value in limits.items():
        bench.set(name, value)
    bench.set("CTRL", START)
    assert bench.library.run_until_done(500_000)
    assert bench.get("CTRL") == DONE | IDLE
    status = bench.get("STATUS")
    assert bench.check() == []
    return status & 0xFF, status >> 8


# The campaign -------------------------------------------------------------------------------------


def assert_harmless(found, count):
    assert len(found) == count
    faults = {str(verdict.case): verdict.faults for verdict in found if verdict.faults}
    assert faults == {}


def test_some_programs():
    """Of a fixed seed; most ways to end are among them."""
    found = list(verdicts(NANO, range(60)))
    assert_harmless(found, 60)
    codes = Counter(verdict.code for verdict in found)
    assert codes[0] >= 20 and {1, 2, 4, OUTSIDE_ARENA, NO_END} <= set(codes)
    assert sum(verdict.case.defined and verdict.code == 0 for verdict in found) >= 10


@pytest.mark.slow
def test_many_programs():
    first = secrets.randbelow(10**9)
    assert_harmless(list(verdicts(NANO, range(first, first + 500))), 500)


def test_cases_are_of_every_kind():
    kinds = Counter(random_case(NANO, seed).kind for seed in range(200))
    words = " ".join(kinds)
    assert kinds["sound"] > 20 and kinds["valid"] > 10 and kinds["noise"] > 10
    for what in ("flip bits", "shuffle", "cut off", "random bytes", "wrong line", "wrong arena"):
        assert what in words
    assert "network, " in words and "sound, " in words


# Every error code ---------------------------------------------------------------------------------


def test_other_hardware(bench):
    other = Instruction("BEGIN", design=NANO.design_id ^ 1, version=1)
    assert ending(bench, case(other, STORE, END)) == (WRONG_DESIGN, 0)


@pytest.mark.parametrize(
    ("instructions", "lines"),
    [
        pytest.param((BEGIN, STORE, END), 90, id="what it stores"),
        pytest.param((BEGIN, Instruction("TABLE", address=97), END), 100, id="what it reads"),
        pytest.param((BEGIN, STORE, END), 8, id="its own end"),
        pytest.param((BEGIN, STORE, END), 0, id="no arena"),
    ],
)
def test_too_small_an_arena(bench, instructions, lines):
    made = case(*instructions)
    made = replace(made, arena=made.arena[: lines * LINE_BYTES])
    assert ending(bench, made)[0] == OUTSIDE_ARENA


def test_no_end(bench):
    assert ending(bench, case(BEGIN, STORE)) == (NO_END, 2)
    assert ending(bench, case()) == (NO_END, 0)


def test_memory_that_answers_too_late(bench):
    late = Memory(read_latency=3000)
    assert ending(bench, case(BEGIN, STORE, END, memory=late), STALL_LIMIT=300)[0] == STALLED


@pytest.mark.parametrize("limit", [1, 100, 3000, 9000])
def test_too_many_cycles(bench, limit):
    made = sound_case(NANO, 3)
    assert ending(bench, made, CYCLE_LIMIT=limit)[0] == TOO_MANY_CYCLES


@pytest.mark.parametrize("seed", range(6))
def test_memory_that_answers_with_errors(bench, seed):
    """At a line of whatever a program certainly reads, and one that it writes."""
    made = sound_case(NANO, seed)
    found = possible_endings(NANO, made.arena, made.line, made.instructions)
    random = Random(seed)
    stalls = random.choice((0, 100))
    for code, name, touched in (
        (READ_ERROR, "failing_read", found.reads),
        (WRITE_ERROR, "failing_write", [use for use in found.writes if use.certain]),
    ):
        use = random.choice(touched)
        line = FIRST_LINE + random.randrange(use.line, use.end)
        spoilt = replace(made, memory=Memory(stalls=stalls, **{name: line}))
        assert ending(bench, spoilt)[0] == code


def test_a_hang_that_was_found(bench):
    """The second ATTENTION reads what the first one writes; its logits waited in front of it."""
    fields = {
        "words": 1,
        "beats": 1,
        "keys": 2,
        "key_groups": 1,
        "value_groups": 1,
        "value_beats": 1,
        "logit_multiplier": 1 << 14,
        "logit_shift": 20,
        "multiplier": 1 << 14,
        "shift": 20,
        "stride": 1,
        "to_stride": 1,
    }
    first = Instruction("ATTENTION", rows=2, to_domain=1, to_base=100, **fields)
    second = Instruction("ATTENTION", rows=2, domain=1, base=100, to_domain=2, **fields)
    assert ending(bench, case(BEGIN, first, second, END)) == (0, 3)
    assert ending(bench, case(BEGIN, *[first, second] * 5, END)) == (0, 11)


# The harness itself -------------------------------------------------------------------------------


def test_faults_are_seen(bench, monkeypatch):
    """A wrong code, a wrong place, a line that may not be written, other results."""
    made = sound_case(NANO, 5)
    assert bench.run(made).faults == ()

    def other(**changes):
        def endings(*arguments):
            return replace(possible_endings(*arguments), **changes)

        monkeypatch.setattr(program_fuzz, "possible_endings", endings)
        return bench.run(made).faults

    (fault,) = other(codes=(1, 2))
    assert "code 0" in fault
    (fault,) = other(writes=())
    assert "lines were written" in fault
    monkeypatch.undo()

    def wrong(design, arena, line, instructions):
        execute(design, arena, line, instructions)
        arena[-1] ^= 1

    monkeypatch.setattr(program_fuzz, "execute", wrong)
    assert bench.run(made).faults == ("results differ from the interpreter's",)
    monkeypatch.undo()
    refused = case(BEGIN, STORE, BEGIN, END)
    assert bench.run(refused).faults == ()
    monkeypatch.setattr(
        program_fuzz,
        "possible_endings",
        lambda *arguments: replace(possible_endings(*arguments), position=1),
    )
    (fault,) = bench.run(refused).faults
    assert "is at 2 and not at 1" in fault


def test_a_network_that_differs_is_seen(bench, monkeypatch):
    monkeypatch.setattr(program_fuzz, "unequal", lambda found, expected: ["output"])
    assert bench.check() == ["the network afterwards: output differs"]


def endings(*instructions, lines=100):
    made = case(*instructions, lines=lines)
    return possible_endings(NANO, made.arena, made.line, made.instructions)


def test_possible_endings():
    """The dispatcher's code first."""
    outside = Instruction("TABLE", address=98)
    itself = Instruction("STORE", address=8, beats=2, rows=4, words=1)
    assert endings(BEGIN, STORE, END).codes == (0,)
    assert endings(BEGIN, STORE).codes == (NO_END, NO_END)
    assert endings(BEGIN, outside, END).codes == (OUTSIDE_ARENA,)
    assert endings(BEGIN, outside, BEGIN, END).codes == (4, OUTSIDE_ARENA)
    assert endings(BEGIN, STORE, BEGIN).codes == (4, NO_END)
    assert endings(BEGIN, STORE, BEGIN).position == 2
    assert STALLED not in endings(BEGIN, itself, END).codes
    assert len(endings(BEGIN, itself, END).codes) == len(ENDINGS) - 4
    assert [(use.line, use.end) for use in endings(BEGIN, STORE, END).writes] == [(90, 91)]
