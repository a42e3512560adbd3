"""Do the benches notice? Plants faults in the RTL of a design and counts those that they catch.

A mutant is caught if any run of the design differs from what is expected, gets stuck, breaks the
protocol of a stream, or takes more cycles than without the fault. Of those that are not caught,
the equivalent ones (see `equivalence`) are no faults at all.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from m3vit.sim.rtl import engines
from m3vit.sim.rtl.bench import find_fault
from m3vit.sim.rtl.exchange import Observation, Stimulus, read_observation, write_stimulus
from m3vit.sim.rtl.harness import Target
from m3vit.sim.rtl.packing import Bytes
from m3vit.sim.rtl.stalls import Stalls
from m3vit.sim.rtl.verilator import VerilatorError

from .equivalence import equivalent
from .mutants import PACKAGE, Mutant, instrument, mutants

_Place = tuple[Path, Mutant]
_SLACK = 2000  # cycles that a run with a fault may take more than twice the run without


@dataclass(frozen=True)
class Subject:
    """A design with runs that it passes.

    Attributes:
        target: the design.
        generated: those of its files that faults are planted in.
        stimulus: of all runs, but for its stalls.
        expected: packed words of every output.
        patterns: of stalls, one run each; the first one without any.
    """

    target: Target
    generated: tuple[Path, ...]
    stimulus: Stimulus
    expected: dict[str, Bytes]
    patterns: tuple[Stalls, ...]


@dataclass(frozen=True)
class Count:
    """What became of the mutants of a design.

    Attributes:
        caught: how many were, by kind of fault.
        equivalent: those proven to be no faults.
        survivors: the others: the benches should have caught them.
    """

    caught: Counter[str]
    equivalent: tuple[_Place, ...]
    survivors: tuple[_Place, ...]

    @property
    def score(self) -> float:
        """Share of the mutants that are not proven equivalent which were caught."""
        caught = self.caught.total()
        return caught / max(1, caught + len(self.survivors))


def count(subject: Subject, most: int, seed: int, done: Callable[[], None] = lambda: None) -> Count:
    """Plant up to `most` faults, chosen by `seed`, one at a time; `done` is called after each.

    Raises:
        ValueError: the design fails without a fault.
    """
    places = _draw(subject, most, seed)
    with tempfile.TemporaryDirectory(prefix="m3vit-mutants-") as scratch:
        runs = _Runs(subject, places, Path(scratch))
        caught: Counter[str] = Counter()
        unnoticed = []
        for path, mutant in places:
            if runs.notice(mutant.number):
                caught[mutant.kind] += 1
            else:
                unnoticed.append((path, mutant))
            done()
    proven = _equivalent(subject.target, unnoticed)
    survivors = [place for place in unnoticed if place not in proven]
    return Count(caught, tuple(proven), tuple(survivors))


def _equivalent(target: Target, places: Sequence[_Place]) -> list[_Place]:
    """Those mutants that are proven to be no faults."""
    faults: dict[Path, list[Mutant]] = {}
    for path, mutant in places:
        faults.setdefault(path, []).append(mutant)
    equal = equivalent(target.name, target.files, faults) if faults else set()
    return [place for place in places if place[1].number in equal]


def _draw(subject: Subject, most: int, seed: int) -> list[_Place]:
    places: list[_Place] = []
    for path in subject.generated:
        places += [(path, mutant) for mutant in mutants(path.read_text(), len(places) + 1)]
    chosen = Random(seed).sample(places, min(most, len(places)))
    return sorted(chosen, key=lambda place: place[1].number)


class _Runs:
    """The simulation program of a design with its mutants, and its runs."""

    def __init__(self, subject: Subject, places: Sequence[_Place], directory: Path) -> None:
        self._subject = subject
        self._directory = directory
        self._program = directory / "simulation"
        target = _instrumented(subject, places, directory)
        engines.build_native([target], self._program, optimisation="-O1")
        self._limits = [subject.stimulus.limit] * len(subject.patterns)
        self._cycles = list(self._limits)
        for run in range(len(subject.patterns)):
            observation = self._run(0, run)
            fault = find_fault(subject.target, observation, subject.expected)
            if fault is not None:
                raise ValueError(f"{subject.target.name} fails without a fault: {fault.message}")
            self._limits[run] = 2 * observation.cycle + _SLACK
            self._cycles[run] = observation.cycle

    def notice(self, number: int) -> bool:
        """Some run shows that mutant `number` is active."""
        return any(self._differs(number, run) for run in range(len(self._subject.patterns)))

    def _differs(self, number: int, run: int) -> bool:
        try:
            observation = self._run(number, run)
        except VerilatorError:  # such as a loop of gates that the fault closes
            return True
        if find_fault(self._subject.target, observation, self._subject.expected) is not None:
            return True
        return observation.cycle > self._cycles[run]

    def _run(self, number: int, run: int) -> Observation:
        subject, folder = self._subject, self._directory / str(run)
        stimulus = replace(
            subject.stimulus, stalls=subject.patterns[run], limit=self._limits[run], patience=_SLACK
        )
        write_stimulus(folder / "0", subject.target, stimulus)
        engines.run_native(self._program, folder, seed=run + 1, plusargs=[f"+mutant={number}"])
        return read_observation(folder / "0", subject.target)


def _instrumented(subject: Subject, places: Sequence[_Place], directory: Path) -> Target:
    """The design with the mutants in its files."""
    package = directory / "mutation.sv"
    package.write_text(PACKAGE)
    files = [package]
    for path in subject.target.files:
        chosen = [mutant for of, mutant in places if of == path]
        if chosen:
            files.append(directory / path.name)
            files[-1].write_text(instrument(path.read_text(), chosen))
        else:
            files.append(path)
    return replace(subject.target, files=tuple(files))
