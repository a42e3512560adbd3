"""The files through which Python and a bench talk: stimulus in, beats and a report out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.compiler.ir import Payload

from .harness import Target
from .packing import Bytes, word_bytes
from .stalls import NONE, Stalls

QUIET_CYCLES = 300
"""Without a beat for so long, every pipeline is taken to be full or empty."""

DRAIN_CYCLES = 2 * QUIET_CYCLES + 100
"""A complete run goes on for so long, so that surplus beats show."""


@dataclass(frozen=True)
class Stimulus:
    """What one run of a design gets.

    Attributes:
        inputs: packed words of every input stream, see `packing`.
        scalars: value of every scalar, non-negative.
        expected: number of beats to wait for on every output stream; None: until nothing moves.
        stalls: how the streams hesitate.
        calls: how often a design with ap_start is started.
        limit: cycles after which the run is given up.
        patience: cycles without a beat after which the design counts as stuck.
    """

    inputs: Mapping[str, Bytes]
    scalars: Mapping[str, int] = field(default_factory=dict)
    expected: Mapping[str, int] | None = None
    stalls: Stalls = NONE
    calls: int = 1
    limit: int = 2_000_000
    patience: int = 20_000


@dataclass(frozen=True)
class StreamRecord:
    """What happened on a stream.

    Attributes:
        beats: how many were transferred.
        first_cycle, last_cycle: when the first and last were, -1 without any; cycles count from
            reset on.
        valid, ready: its handshake at the end.
        withdrawn_cycle: when the design took back a beat that it had offered, -1 if it never did.
        changed_cycle: when it changed one.
    """

    beats: int
    first_cycle: int
    last_cycle: int
    valid: bool
    ready: bool
    withdrawn_cycle: int
    changed_cycle: int

    @property
    def interval(self) -> float:
        """Mean cycles from one beat to the next."""
        return (self.last_cycle - self.first_cycle) / max(1, self.beats - 1)


@dataclass(frozen=True)
class Observation:
    """What came out of a run.

    Attributes:
        status: "complete", "stuck" (nothing moved for the stimulus' patience) or "late" (limit).
        cycle: when that was decided.
        calls_done: how often ap_done came; done_cycle: when last, -1 for never.
        streams: what happened on each.
        words: packed words of every output stream; cycles: when each of them came.
    """

    status: str
    cycle: int
    calls_done: int
    done_cycle: int
    streams: Mapping[str, StreamRecord]
    words: Mapping[str, Bytes]
    cycles: Mapping[str, NDArray[np.uint32]]


def write_stimulus(directory: Path, target: Target, stimulus: Stimulus) -> None:
    """Write the files that the bench of `target` reads.

    Raises:
        ValueError: a stream or scalar is missing or unknown.
    """
    _same_names("input stream", stimulus.inputs, target.inputs)
    _same_names("scalar", stimulus.scalars, target.scalars)
    if stimulus.expected is not None:
        _same_names("output stream", stimulus.expected, target.outputs)
    directory.mkdir(parents=True, exist_ok=True)
    drain = stimulus.patience if stimulus.expected is None else DRAIN_CYCLES
    numbers = (stimulus.calls, stimulus.limit, stimulus.patience, QUIET_CYCLES, drain)
    (directory / "bench.settings").write_text(" ".join(map(str, numbers)))
    scalars = [f"{stimulus.scalars[name]:x}\n" for name in target.scalars]
    (directory / "scalars").write_text("".join(scalars))
    for name in target.inputs:
        (directory / f"{name}.beats").write_bytes(stimulus.inputs[name][:, ::-1].tobytes())
        _write_gate(directory, name, stimulus.stalls, [])
    for name in target.outputs:
        expected = 0 if stimulus.expected is None else stimulus.expected[name]
        _write_gate(directory, name, stimulus.stalls, [expected])


def _same_names(what: str, given: Mapping[str, Any], needed: Mapping[str, Any]) -> None:
    for name in set(given) ^ set(needed):
        raise ValueError(f"{what} '{name}' is {'unknown' if name in given else 'missing'}")


def _write_gate(directory: Path, name: str, stalls: Stalls, expected: list[int]) -> None:
    gate = stalls.gate(name, is_input=not expected)
    numbers = [gate.mode, gate.first, gate.second, stalls.gate_seed(name)]
    if expected:
        numbers += [int(gate.after_valid), *expected]
    (directory / f"{name}.gate").write_text(" ".join(map(str, numbers)))


def read_observation(directory: Path, target: Target) -> Observation:
    """Read what the bench of `target` has written."""
    lines = [line.split() for line in (directory / "report").read_text().splitlines()]
    (status, cycle, calls_done, done_cycle), *records = lines
    streams = {}
    for _, name, *numbers, handshake, withdrawn, changed in records:
        beats, first, last = map(int, numbers)
        streams[name] = StreamRecord(
            beats=beats,
            first_cycle=first,
            last_cycle=last,
            valid=handshake[0] == "1",
            ready=handshake[1] == "1",
            withdrawn_cycle=int(withdrawn),
            changed_cycle=int(changed),
        )
    beats_read = {
        name: _read_beats(directory, name, payload) for name, payload in target.outputs.items()
    }
    return Observation(
        status=status,
        cycle=int(cycle),
        calls_done=int(calls_done),
        done_cycle=int(done_cycle),
        streams={name: streams[name] for name in (*target.inputs, *target.outputs)},
        words={name: words for name, (words, _) in beats_read.items()},
        cycles={name: cycles for name, (_, cycles) in beats_read.items()},
    )


def _read_beats(directory: Path, name: str, payload: Payload) -> tuple[Bytes, NDArray[np.uint32]]:
    words = -(-payload.width // 32)
    rows = np.fromfile(directory / f"{name}.beats", "<u4").reshape(-1, words + 1)
    data = np.ascontiguousarray(rows[:, 1:]).view(np.uint8)[:, : word_bytes(payload)]
    return data, rows[:, 0]
