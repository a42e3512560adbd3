"""The engine's row in the benchmark: its time simulated or modelled, its energy estimated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import NamedTuple

import numpy as np

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import BEAT_BYTES
from m3vit.host.benchmark.contenders import Workload, absent
from m3vit.host.benchmark.rows import Number, Origin, Row, powered, timed
from m3vit.host.program import Plan, build_plan
from m3vit.model.reference import Reference, TaskRun
from m3vit.sim.energy import BOARD_WATTS, Estimate, estimate
from m3vit.sim.engine.activity import count
from m3vit.sim.engine.backend import EngineSimulation
from m3vit.sim.performance import estimate as estimate_cycles
from m3vit.sim.performance import last_used, run_loads

SYSTEM = "engine, int8"
SCOPE = (
    "energy estimated, nothing metered: it covers programmable logic and DDR accesses, no "
    "processor, no board, no converters; its range is that of published energies per operation"
)
MEMORY = "the clock is the design's, and the DDR memory's latency and bandwidth are assumptions"
MODEL_ERROR = 0.05
"""Of the cycle model against RTL, as a share; `docs/performance.md` has what was found."""

Tell = Callable[[str], object]


class _Image(NamedTuple):
    """What one image took: milliseconds, and energy."""

    milliseconds: float
    energy: Estimate


def engine_row(
    workload: Workload, design: str | DesignConfig, *, simulate: bool, tell: Tell = lambda _: None
) -> Row:
    """The simulated engine, or the cycle model where it cannot be simulated or shall not be.

    Args:
        workload: that runs. design: of the engine.
        simulate: in RTL; the cycle model takes a second instead.
        tell: told what happens.

    Raises:
        RuntimeError: the simulated engine gives other integers than the reference.
    """
    chosen = design if isinstance(design, DesignConfig) else DesignConfig.load(design)
    try:
        plan = build_plan(workload.compiled, chosen)
    except UserError as error:
        return absent(Row(SYSTEM, chosen.name, 1), str(error))
    notes: tuple[str, ...] = (SCOPE, MEMORY)
    if simulate:
        try:
            return _row(workload, chosen, "simulated", _simulated(workload, chosen, tell), notes)
        except UserError as error:
            notes = (*notes, f"not simulated but modelled: {error}")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("m3vit"):
                raise
            reason = f"{error.name} is not installed, pip install 'm3vit[hls]'"
            notes = (*notes, f"not simulated but modelled: {reason}")
    tell("cycle model of the engine")
    reference = Reference(workload.compiled)
    runs = [reference.run(pixels, workload.task) for pixels in workload.images]
    found = [
        _modelled(plan, workload, before, run)
        for before, run in zip([runs[0], *runs], runs, strict=False)
    ]
    return _row(workload, chosen, "estimated", found, notes)


def _row(
    workload: Workload,
    design: DesignConfig,
    origin: Origin,
    found: Sequence[_Image],
    notes: tuple[str, ...],
) -> Row:
    how, called = (
        ("Verilated RTL", "simulated") if origin == "simulated" else ("cycle model", "modelled")
    )
    source = f"{how}, mean of {len(found)} images, at {design.clock_mhz} MHz"
    times = [image.milliseconds for image in found]
    latency = Number(fmean(times), origin, source, min(times), max(times))
    if origin == "estimated":
        latency = replace(
            latency, low=min(times) * (1 - MODEL_ERROR), high=max(times) * (1 + MODEL_ERROR)
        )
    model = f"activity counts of {len(found)} images x published energies; see docs/benchmark.md"
    low, middle, high = (
        fmean(getattr(image.energy, end) for image in found) for end in ("low", "middle", "high")
    )
    joules = Number(middle, "estimated", model, low, high)
    numbers = timed(latency, 1, workload.giga_operations) | powered(
        joules.over(latency.value * 1e-3), joules, workload.giga_operations
    )
    board = (
        f"a ZCU104 at rest takes {BOARD_WATTS} W at its input (PYNQ's notebook zcu104_pmbus), "
        f"{BOARD_WATTS * latency.value:.0f} mJ in the time of an image, not in the estimate"
    )
    notes = (*notes, board)
    parts = tuple(asdict(part) for part in found[0].energy.parts)
    return Row(SYSTEM, f"{design.name}, {called}", 1, numbers, notes=notes, domains=parts)


def _simulated(workload: Workload, design: DesignConfig, tell: Tell) -> list[_Image]:
    """Every image once, after the first one to warm up.

    Raises:
        UserError: the engine cannot be built here.
        RuntimeError: the engine gives other integers than the reference.
    """
    tell("simulator of the engine, built once in some minutes")
    engine = EngineSimulation(workload.compiled, design)
    reference = Reference(workload.compiled)
    found = []
    try:
        tell("simulated engine, to warm up")
        engine.run(workload.images[0], workload.task)
        for index, pixels in enumerate(workload.images):
            tell(f"simulated engine, image {index + 1} of {len(workload.images)}")
            run = engine.run(pixels, workload.task)
            expected = reference.run(pixels, workload.task)
            if not np.array_equal(run.output, expected.output):
                raise RuntimeError(f"image {index}: the engine's integers are not the reference's")
            found.append(_image(engine.plan, workload, run, engine.statistics()))
    finally:
        engine.library.close()
    return found


def _modelled(plan: Plan, workload: Workload, before: TaskRun, run: TaskRun) -> _Image:
    """The image of a run, after the one in front of it, whose experts the engine guesses."""
    guessed = last_used(plan, workload.task, run_loads(plan, before))
    cycles = estimate_cycles(plan, workload.task, run_loads(plan, run), used=guessed)
    statistics = {"cycles": cycles.cycles, "ddr_beats": cycles.ddr_bytes // BEAT_BYTES}
    return _image(plan, workload, run, statistics)


def _image(plan: Plan, workload: Workload, run: TaskRun, statistics: Mapping[str, int]) -> _Image:
    instructions = plan.programs[workload.task].instructions
    activity = count(instructions, plan.design, run_loads(plan, run))
    energy = estimate(activity, statistics, BEAT_BYTES, plan.design.clock_mhz)
    return _Image(energy.seconds * 1e3, energy)
