"""The simulated engine's row in the energy comparison: time simulated, energy estimated."""

from dataclasses import asdict
from statistics import fmean

import numpy as np

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import BEAT_BYTES
from m3vit.host.energy.benchmark import Workload
from m3vit.host.energy.rows import Number, Row, powered, timed
from m3vit.model.cost import expert_loads
from m3vit.model.reference import Reference
from m3vit.sim.energy import Estimate, estimate

from .activity import count
from .backend import EngineSimulation

SCOPE = (
    "the estimate covers programmable logic and DDR accesses: no processor, no board, no "
    "converters; its range is that of published energies per operation"
)
MEMORY = "the DDR memory's latency and bandwidth are assumptions"


def simulated_row(workload: Workload, design: str | DesignConfig = "zcu104") -> Row:
    """Run every image once on the simulated engine, after the first one to warm up.

    Raises:
        UserError: the network does not fit the design, or the engine cannot be built here.
        RuntimeError: the engine gives other integers than the reference.
    """
    engine = EngineSimulation(workload.compiled, design)
    try:
        engine.run(workload.images[0], workload.task)
        estimates = [_estimate(engine, workload, index) for index in range(len(workload.images))]
    finally:
        engine.library.close()
    chosen, images = engine.plan.design, len(workload.images)
    simulation = f"Verilated RTL, mean of {images} images, at {chosen.clock_mhz} MHz"
    times = [found.seconds * 1e3 for found in estimates]
    latency = Number(fmean(times), "simulated", simulation, min(times), max(times))
    model = f"activity counts of {images} images x published energies; see docs/energy.md"
    low, middle, high = (
        fmean(getattr(found, end) for found in estimates) for end in ("low", "middle", "high")
    )
    joules = Number(middle, "estimated", model, low, high)
    seconds = fmean(found.seconds for found in estimates)
    numbers = timed(latency, 1, workload.giga_operations) | powered(
        joules.over(seconds), joules, workload.giga_operations
    )
    return Row(
        "engine, int8",
        f"{chosen.name} ({chosen.part}), simulated",
        1,
        numbers,
        notes=(SCOPE, MEMORY),
        domains=tuple(asdict(part) for part in estimates[0].parts),
    )


def _estimate(engine: EngineSimulation, workload: Workload, index: int) -> Estimate:
    pixels, design = workload.images[index], engine.plan.design
    run = engine.run(pixels, workload.task)
    expected = Reference(workload.compiled).run(pixels, workload.task)
    if not np.array_equal(run.output, expected.output):
        raise RuntimeError(f"image {index}: the engine's integers are not the reference's")
    experts = [layer.experts for layer in run.routing]
    loads = expert_loads(experts, workload.compiled.network.num_experts)
    activity = count(engine.plan.programs[workload.task].instructions, design, loads)
    return estimate(activity, engine.statistics(), BEAT_BYTES, design.clock_mhz)
