"""Runs a design on arrays of beats, compares what comes out, and says where the first fault is."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from m3vit.hls.compiler.ir import Payload

from . import engines
from .exchange import Observation, Stimulus, StreamRecord, read_observation, write_stimulus
from .harness import Target
from .packing import Beats, Bytes, field_values, from_integers, pack, unpack
from .stalls import NONE, Stalls

Engine = Literal["cocotb", "native"]

_WAVES = Path("build") / "waves"
_CYCLES_AFTER_FAULT = 40  # that the waveform still shows


class BenchError(AssertionError):
    """A design did something else than expected; the message says what, where and when."""


@dataclass(frozen=True)
class BenchResult:
    """What a design did.

    Attributes:
        outputs: beats of every output stream, see `packing.payload_type`.
        cycles: from reset to ap_done, or to the last beat of a design that runs freely.
        streams: what happened on every stream.
    """

    outputs: Mapping[str, Beats]
    cycles: int
    streams: Mapping[str, StreamRecord]


def run_bench(
    target: Target,
    inputs: Mapping[str, Beats | Sequence[int]],
    scalars: Mapping[str, int] | None = None,
    expected: Mapping[str, Beats | Sequence[int]] | None = None,
    stalls: Stalls = NONE,
    *,
    engine: Engine = "cocotb",
    calls: int = 1,
    limit: int = 2_000_000,
    patience: int = 20_000,
    optimisation: str = "-O1",
    name: str = "",
    waves: bool = True,
) -> BenchResult:
    """Simulate a design once.

    Args:
        target: the design under test.
        inputs: input stream -> beats: an array in the payload's memory layout, or packed words.
        scalars: scalar -> value.
        expected: output stream -> beats, in either form; compared bit for bit. Without it the run
            ends when nothing has moved for `patience` cycles.
        stalls: how the streams hesitate.
        engine: "cocotb", or "native": the same bench without Python inside, quicker to start.
        calls: how often a design with ap_start is started.
        limit: cycles after which the run is given up.
        patience: cycles without a beat after which a design that has not finished is stuck.
        optimisation: of the C++ compiler that makes the simulation.
        name: of the waveform that a failure leaves; by default the design's.
        waves: leave one.

    Raises:
        BenchError: an output differs, beats are missing or surplus, a stream broke its protocol,
            or the design is stuck; the message names the waveform in build/waves.
        ValueError: a value does not fit its field; streams or scalars are missing.
    """
    words = {stream: _words(beats, target.inputs.get(stream)) for stream, beats in inputs.items()}
    wanted = None
    if expected is not None:
        wanted = {key: _words(beats, target.outputs.get(key)) for key, beats in expected.items()}
    stimulus = Stimulus(
        inputs=words,
        scalars={
            key: value % (1 << target.scalars.get(key, 1)) for key, value in (scalars or {}).items()
        },
        expected=None if wanted is None else {key: len(rows) for key, rows in wanted.items()},
        stalls=stalls,
        calls=calls,
        limit=limit,
        patience=patience,
    )
    observation = _simulate(target, stimulus, engine, optimisation)
    fault = find_fault(target, observation, wanted)
    if fault is not None:
        message = f"{target.name} with stalls '{stalls.name}', seed {stalls.seed}: {fault.message}"
        if waves:
            path = _record_waves(target, stimulus, fault, name or target.name)
            message += f"; waveform: {path}"
        raise BenchError(message)
    last = max((record.last_cycle for record in observation.streams.values()), default=0)
    return BenchResult(
        outputs={
            stream: unpack(observation.words[stream], payload)
            for stream, payload in target.outputs.items()
        },
        cycles=observation.done_cycle if target.handshake else last,
        streams=observation.streams,
    )


def _words(beats: Beats | Sequence[int], payload: Payload | None) -> Bytes:
    if payload is None:  # reported by name when the stimulus is written
        return np.empty((0, 1), np.uint8)
    if isinstance(beats, np.ndarray):
        return pack(beats, payload)
    return from_integers(beats, payload)


def _simulate(target: Target, stimulus: Stimulus, engine: Engine, optimisation: str) -> Observation:
    seed = stimulus.stalls.seed
    with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
        directory = Path(scratch)
        write_stimulus(directory / "0", target, stimulus)
        if engine == "cocotb":
            simulation = engines.cocotb_simulation(target, optimisation)
            engines.run_cocotb(simulation, directory, scalars=stimulus.scalars, seed=seed)
        else:
            program = engines.native_program(target, optimisation=optimisation)
            engines.run_native(program, directory, seed=seed)
        return read_observation(directory / "0", target)


def _record_waves(target: Target, stimulus: Stimulus, fault: "Fault", name: str) -> Path:
    """Run once more, up to shortly after the fault, and keep the waveform."""
    _WAVES.mkdir(parents=True, exist_ok=True)
    path = _WAVES / f"{name}.fst"
    shortened = replace(stimulus, limit=fault.cycle + _CYCLES_AFTER_FAULT)
    with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
        write_stimulus(Path(scratch) / "0", target, shortened)
        program = engines.native_program(target, waves=True)
        engines.run_native(program, Path(scratch), seed=stimulus.stalls.seed, waves=path)
    return path


# What is wrong -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with a run, and the cycle in which it shows."""

    message: str
    cycle: int


def find_fault(
    target: Target, observation: Observation, expected: Mapping[str, Bytes] | None
) -> Fault | None:
    """What is wrong with a run, or None: wrong beats before missing ones before bad manners."""
    found = [
        fault
        for stream, words in (expected or {}).items()
        if (fault := _difference(stream, target.outputs[stream], observation, words))
    ]
    if not found:
        found = [fault for fault in (_unfinished(target, observation, expected),) if fault]
    if not found:
        found = [
            fault
            for stream in target.outputs
            if (fault := _bad_manners(stream, observation.streams[stream]))
        ]
    return min(found, key=lambda fault: fault.cycle, default=None)


def _difference(
    stream: str, payload: Payload, observation: Observation, expected: Bytes
) -> Fault | None:
    actual = observation.words[stream]
    common = min(len(actual), len(expected))
    differs = (actual[:common] != expected[:common]).any(axis=1)
    if differs.any():
        beat = int(differs.argmax())
        cycle = int(observation.cycles[stream][beat])
        field, wanted, got = next(
            (field.name, wanted, got)
            for field, wanted, got in zip(
                payload.fields,
                field_values(expected[beat], payload),
                field_values(actual[beat], payload),
                strict=True,
            )
            if wanted != got
        )
        of_field = f" field '{field}'" if field else ""
        return Fault(
            f"beat {beat} of stream '{stream}' in cycle {cycle}:{of_field} expected {wanted}, got "
            f"{got}; {int(differs.sum())} of {common} beats differ",
            cycle,
        )
    if len(actual) > len(expected):
        cycle = int(observation.cycles[stream][len(expected)])
        return Fault(
            f"{len(actual)} beats on stream '{stream}', {len(expected)} expected; "
            f"the first surplus one came in cycle {cycle}",
            cycle,
        )
    return None


def _unfinished(
    target: Target, observation: Observation, expected: Mapping[str, Any] | None
) -> Fault | None:
    if observation.status == "complete":
        return None
    records = observation.streams
    last = max((record.last_cycle for record in records.values()), default=0)
    if observation.status == "stuck":
        what = f"nothing has moved since cycle {last}"
    else:
        what = f"not finished after {observation.cycle} cycles"
    parts = [what]
    for stream in target.inputs:
        record = records[stream]
        state = "beat offered but not taken" if record.valid else "no beat offered"
        parts.append(f"input '{stream}': {record.beats} beats taken, {state}")
    for stream in target.outputs:
        record = records[stream]
        of = "" if expected is None else f" of {len(expected[stream])}"
        state = "a beat waits for ready" if record.valid else "the design offers none"
        parts.append(f"output '{stream}': {record.beats}{of} beats came, {state}")
    if target.handshake:
        parts.append(f"ap_done came {observation.calls_done} times")
    return Fault("; ".join(parts), observation.cycle if observation.status == "late" else last)


def _bad_manners(stream: str, record: StreamRecord) -> Fault | None:
    for cycle, what in (
        (record.withdrawn_cycle, "was withdrawn"),
        (record.changed_cycle, "changed"),
    ):
        if cycle >= 0:
            return Fault(f"a beat offered on '{stream}' {what} in cycle {cycle}, not taken", cycle)
    if record.valid:
        return Fault(f"a surplus beat is left on '{stream}'", record.last_cycle)
    return None
