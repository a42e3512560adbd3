"""Runs networks on the simulated engine and counts cycles, bytes, and what a task switch costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.host.driver import EngineDriver
from m3vit.host.program import Plan, build_plan
from m3vit.model.compiled import CompiledModel
from m3vit.model.cost import expert_loads, run_macs, run_weight_bytes
from m3vit.model.reference import Reference, TaskRun
from m3vit.model.shape import Shape
from m3vit.sim.engine.exactness import unequal
from m3vit.sim.engine.library import EngineLibrary, Memory, Options
from m3vit.sim.engine.port import SimulatedPort
from m3vit.sim.performance import Ddr, Estimate, estimate, run_loads
from m3vit.sim.performance.timing import BEAT_BYTES

TIMEOUT = 3600.0
COUNTED_BEATS = ("program_beats", "weight_beats", "data_beats", "store_beats")


@dataclass(frozen=True)
class Measurement:
    """A network on the RTL of a design, and the cycle model's estimate of the same run.

    Attributes:
        name: of the network. tiles: in which its tokens come.
        cycles: of the first image after reset, when no expert is guessed, from start to done.
        macs: useful ones of that run. ddr_bytes: moved by it.
        settled_cycles, settled_ddr_bytes: of the same image again, when the experts are guessed
            that it needs; None if it ran once.
        needed_bytes: parameters that the run needs, the image, and the results.
        task_switch_cycles: of A B A B less those of A A B B, on one image; None for one task.
        equal: every output, expert and score is the reference's, in every run.
        estimate: of the first image.
    """

    name: str
    tiles: int
    cycles: int
    macs: int
    ddr_bytes: int
    settled_cycles: int | None
    settled_ddr_bytes: int | None
    needed_bytes: int
    task_switch_cycles: int | None
    equal: bool
    estimate: Estimate

    @property
    def error(self) -> float:
        """Of the cycle model, as a share."""
        return self.estimate.cycles / self.cycles - 1

    def as_dict(self) -> dict[str, object]:
        """For machines."""
        return {
            "tiles": self.tiles,
            "cycles": self.cycles,
            "macs": self.macs,
            "macs_per_cycle": self.macs / self.cycles,
            "ddr_bytes": self.ddr_bytes,
            "settled_cycles": self.settled_cycles,
            "settled_ddr_bytes": self.settled_ddr_bytes,
            "needed_bytes": self.needed_bytes,
            "task_switch_cycles": self.task_switch_cycles,
            "equal_to_reference": self.equal,
            "estimated_cycles": self.estimate.cycles,
            "cycle_model_error": self.error,
            "milliseconds": self.cycles / (self.estimate.design.clock_mhz * 1e3),
            "waits": {cause: round(cycles) for cause, cycles in self.estimate.usage.waits.items()},
        }


class Bench:
    """Measures networks on one design.

    Args:
        design: sizes of the hardware.
        memory: behaviour of the simulated DDR memory.
        progress: told what runs.
    """

    def __init__(
        self,
        design: DesignConfig,
        memory: Memory | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.design, self.memory = design, memory or Memory()
        self.progress = progress or (lambda _: None)
        self.engine = Engine.compile(design)

    @property
    def ddr(self) -> Ddr:
        """The memory as the cycle model takes it."""
        return Ddr(
            self.memory.bandwidth / self.memory.bandwidth_cycles,
            self.memory.read_latency,
            self.memory.write_latency,
        )

    def measure(
        self,
        name: str,
        model: CompiledModel,
        pixels: NDArray[np.uint8],
        *,
        again: bool = True,
        switches: bool = True,
    ) -> Measurement:
        """Run a network from reset.

        Args:
            name: of it.
            model: that runs.
            pixels: of the image.
            again: a second image, too.
            switches: alternate its first two tasks, too.

        Raises:
            UserError: the network does not fit the design.
            EngineError: a program did not end well.
        """
        plan = build_plan(model, self.design)
        with EngineLibrary(self.engine, Options(self.memory)) as library:
            runs = _Runs(EngineDriver(SimulatedPort(library), plan, TIMEOUT), pixels)
            tasks = [task.name for task in model.tasks]
            self.progress(f"{name}: first image, task {tasks[0]}")
            first = runs.run(tasks[0])
            if again:
                self.progress(f"{name}: the same again")
                runs.run(tasks[0])
            switch = None
            if switches and len(tasks) > 1:
                switch = self._switch(name, runs, tasks[0], tasks[1])
        return Measurement(
            name,
            len(plan.tiles),
            runs.cycles[0],
            _macs(plan, tasks[0], first),
            runs.bytes[0],
            runs.cycles[1] if again else None,
            runs.bytes[1] if again else None,
            _needed(plan, tasks[0], first, pixels),
            switch,
            runs.equal,
            estimate(
                plan,
                tasks[0],
                run_loads(plan, first),
                ddr=self.ddr,
            ),
        )

    def _switch(self, name: str, runs: "_Runs", a: str, b: str) -> int:
        """Both orders begin after the same run, so nothing but the order differs."""
        totals = []
        for order in ((a, b, a, b), (a, a, b, b)):
            runs.run(b)
            before = sum(runs.cycles)
            for task in order:
                self.progress(f"{name}: tasks {' '.join(order)}, now {task}")
                runs.run(task)
            totals.append(sum(runs.cycles) - before)
        return totals[0] - totals[1]


class _Runs:
    """Runs on one engine, compared with the reference."""

    def __init__(self, driver: EngineDriver, pixels: NDArray[np.uint8]) -> None:
        self.driver, self.pixels = driver, pixels
        self.reference = Reference(driver.plan.model)
        self.expected: dict[str, TaskRun] = {}
        self.cycles: list[int] = []
        self.bytes: list[int] = []
        self.equal = True

    def run(self, task: str) -> TaskRun:
        """One image."""
        if task not in self.expected:
            self.expected[task] = self.reference.run(self.pixels, task)
        found = self.driver.run(self.pixels, task)
        counted = self.driver.statistics()
        self.cycles.append(counted["cycles"])
        self.bytes.append(BEAT_BYTES * sum(counted[name] for name in COUNTED_BEATS))
        self.equal &= not list(unequal(found, self.expected[task]))
        return found


def _macs(plan: Plan, task: str, run: TaskRun) -> int:
    return run_macs(Shape.from_compiled(plan.model), task, run_loads(plan, run))


def _needed(plan: Plan, task: str, run: TaskRun, pixels: NDArray[np.uint8]) -> int:
    loads = expert_loads([layer.experts for layer in run.routing], plan.model.network.num_experts)
    return run_weight_bytes(plan.model, task, loads) + pixels.nbytes + run.output.nbytes


def noise(model: CompiledModel, seed: int = 1) -> NDArray[np.uint8]:
    """An image of random pixels of a model's size."""
    network = model.network
    shape = (network.image_height, network.image_width, network.channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def worst_error(measurements: Sequence[Measurement]) -> float:
    """The largest error of the cycle model, without its sign."""
    return max(abs(measurement.error) for measurement in measurements)
