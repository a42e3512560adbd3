"""Random kernels through the compiler and both simulations: g++ and RTL must agree in every beat.

Kernels are compiled one by one, but simulated in batches: one program of g++ and one of Verilator
for all of a batch, which takes most of the time.
"""

import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import m3vit.hls
from m3vit.hls.compiler import compile_source
from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.sim.rtl import engines
from m3vit.sim.rtl.bench import find_fault
from m3vit.sim.rtl.exchange import Stimulus, read_observation, write_stimulus
from m3vit.sim.rtl.harness import Target
from m3vit.sim.rtl.packing import Bytes
from m3vit.sim.rtl.stalls import NONE, RANDOM, Stalls, adversarial
from m3vit.sim.rtl.verilator import VerilatorError

from . import csim, stimuli
from .generate import Kernel

Status = Literal["equal", "refused", "differs", "fault"]

_INCLUDE = Path(m3vit.hls.__file__).parent / "include"
_LIMIT = 100_000  # cycles; the longest kernels take some thousand
_PATIENCE = 3_000
_LONGEST_MESSAGE = 600


@dataclass(frozen=True)
class Verdict:
    """What became of a kernel.

    Attributes:
        kernel: it.
        status: "equal" in every run; "refused" by a rule of the compiler; "differs": RTL and C
            simulation disagree; "fault": a tool failed.
        message: what was refused, differs or failed.
    """

    kernel: Kernel
    status: Status
    message: str = ""


@dataclass(frozen=True)
class _Compiled:
    kernel: Kernel
    source: Path
    target: Target


@dataclass(frozen=True)
class Case:
    """A compiled kernel with its stimulus and what the C simulation says.

    Attributes:
        inputs: packed words that it reads. expected: packed words that it writes.
    """

    kernel: Kernel
    target: Target
    inputs: Mapping[str, Bytes]
    expected: Mapping[str, Bytes]

    def stimulus(self, stalls: Stalls) -> Stimulus:
        """Its run under a pattern of stalls."""
        return Stimulus(
            inputs=self.inputs,
            scalars=self.kernel.scalars,
            expected={name: len(words) for name, words in self.expected.items()},
            stalls=stalls,
            calls=self.kernel.calls,
            limit=_LIMIT,
            patience=_PATIENCE,
        )


def run_batch(kernels: Sequence[Kernel], done: Callable[[], None] = lambda: None) -> list[Verdict]:
    """Compile and simulate kernels; one verdict each, in order. `done` is called after each step.

    A batch in which a simulation program fails to compile is run again kernel by kernel.
    """
    with tempfile.TemporaryDirectory(prefix="m3vit-fuzz-") as scratch:
        directory = Path(scratch)
        verdicts: dict[int, Verdict] = {}
        compiled = []
        for kernel in kernels:
            made = _compile(kernel, directory)
            if isinstance(made, Verdict):
                verdicts[kernel.seed] = made
            else:
                compiled.append(made)
            done()
        for verdict in _simulated(compiled, directory):
            verdicts[verdict.kernel.seed] = verdict
    return [verdicts[kernel.seed] for kernel in kernels]


def prepare(kernels: Sequence[Kernel], directory: Path) -> tuple[list[Case], list[Verdict]]:
    """Kernels ready for RTL simulation, and verdicts on those that did not get so far."""
    compiled, verdicts = [], []
    for kernel in kernels:
        made = _compile(kernel, directory)
        if isinstance(made, Verdict):
            verdicts.append(made)
        else:
            compiled.append(made)
    return _cases(compiled, directory) if compiled else [], verdicts


def _compile(kernel: Kernel, directory: Path) -> _Compiled | Verdict:
    source = directory / f"{kernel.top}.cpp"
    source.write_text(kernel.text)
    try:
        design = compile_source(source, kernel.top, include=[_INCLUDE])
        return _Compiled(kernel, source, Target.of(design, directory / "rtl"))
    except HlsError as refusal:
        return Verdict(kernel, "refused", str(refusal))
    except Exception:  # an internal fault of the compiler is a finding too
        return Verdict(kernel, "fault", traceback.format_exc(limit=-2)[-_LONGEST_MESSAGE:])


def _simulated(compiled: Sequence[_Compiled], directory: Path) -> list[Verdict]:
    if not compiled:
        return []
    try:
        return _compare(_cases(compiled, directory), directory)
    except (csim.CSimulationError, VerilatorError) as failure:
        if len(compiled) == 1:
            return [Verdict(compiled[0].kernel, "fault", str(failure)[:_LONGEST_MESSAGE])]
        return [verdict for one in compiled for verdict in _simulated([one], directory)]


def _cases(compiled: Sequence[_Compiled], directory: Path) -> list[Case]:
    """Run the C simulation, and keep of every input what was read of it."""
    jobs = [_job(one) for one in compiled]
    outcomes = csim.simulate(jobs, directory / "csim")
    return [
        Case(
            kernel=one.kernel,
            target=one.target,
            inputs={
                name: words[: len(words) - outcome.left[name]] for name, words in job.inputs.items()
            },
            expected=outcome.outputs,
        )
        for one, job, outcome in zip(compiled, jobs, outcomes, strict=True)
    ]


def _job(one: _Compiled) -> csim.Job:
    kernel, target = one.kernel, one.target
    random = Random(kernel.seed)
    inputs = {
        name: stimuli.beats(random, target.inputs[name], count)
        for name, count in kernel.inputs.items()
    }
    streams = {**target.inputs, **target.outputs}
    arguments = {
        name: kernel.scalars[name] if name in kernel.scalars else streams[name]
        for name in kernel.arguments
    }
    return csim.Job(one.source, kernel.top, arguments, inputs, kernel.calls)


def patterns(case: Case) -> tuple[Stalls, ...]:
    """No stalls, random ones and adversarial ones, which of them the kernel's seed decides."""
    random = Random(case.kernel.seed)
    hostile = adversarial(case.target.inputs)
    return tuple(
        pattern.seeded(case.kernel.seed % 2**31)
        for pattern in (NONE, random.choice(RANDOM), *random.sample(hostile, 2))
    )


def _compare(cases: Sequence[Case], directory: Path) -> list[Verdict]:
    program = directory / "simulation"
    engines.build_native([case.target for case in cases], program, optimisation="-O0")
    messages: dict[int, str] = {}
    for run in range(len(patterns(cases[0]))):
        folder = directory / f"run_{run}"
        for number, case in enumerate(cases):
            write_stimulus(folder / str(number), case.target, case.stimulus(patterns(case)[run]))
        engines.run_native(program, folder, seed=run + 1)
        for number, case in enumerate(cases):
            observation = read_observation(folder / str(number), case.target)
            fault = find_fault(case.target, observation, case.expected)
            if fault is not None:
                name = patterns(case)[run].name
                messages.setdefault(case.kernel.seed, f"stalls '{name}': {fault.message}")
    return [
        Verdict(case.kernel, "differs", messages[case.kernel.seed])
        if case.kernel.seed in messages
        else Verdict(case.kernel, "equal")
        for case in cases
    ]
