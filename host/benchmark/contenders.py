"""Who takes part in the benchmark: one model, the same images, everything that can run it here.

What is not here has a row all the same, which says why. Nothing of this module needs torch, so
that it runs on a board.
"""

import itertools
import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator
from m3vit.host.energy.measure import MINIMUM_SECONDS, DomainEnergy, Measurement, measure
from m3vit.host.energy.meter import Meter, NoMeterError
from m3vit.host.energy.rails import RailMeter
from m3vit.host.energy.zeus_meters import gpu_meter, processor_meter
from m3vit.model.compiled import CompiledModel

from .rows import ENERGY, TIME, Number, Row, powered, timed, unmetered

TIMING_SECONDS = 3.0
"""Of back-to-back inference where nothing is metered."""

BUSY = (
    "other processes waited for the processor before this row: its times may be too long, least so "
    "with OMP_NUM_THREADS=1"
)
TRADEMARKS = r"\((R|TM|tm)\)|\bCPU\b"

Run = Callable[[], object]


@dataclass(frozen=True, eq=False)
class Workload:
    """What everybody computes.

    Attributes:
        name: of the model.
        compiled: the model in integers.
        images: (H, W, channels) uint8, taken in turns.
        task: name.
        giga_operations: of one image, two per product, of these images' mean.
        network: the same model in float32 PyTorch; None where there is none.
    """

    name: str
    compiled: CompiledModel
    images: Sequence[NDArray[np.uint8]]
    task: str
    giga_operations: float
    network: Any = None


def make_workload(
    name: str,
    compiled: CompiledModel,
    images: Sequence[NDArray[np.uint8]],
    task: str | None = None,
    network: Any = None,
) -> Workload:
    """Count what the images cost, and check that they fit.

    Args:
        name: of the model. compiled: the model.
        images: at least one. task: default: the model's first.
        network: the same model in float32 PyTorch, if there is one.

    Raises:
        UserError: no images, images of another size, or an unknown task.
    """
    if not images:
        raise UserError("there are no images to run: give at least one")
    reference = Accelerator(compiled)
    chosen = reference.tasks[0] if task is None else task
    products = [reference.run(pixels, chosen).macs for pixels in images]
    return Workload(name, compiled, images, chosen, 2e-9 * float(np.mean(products)), network)


@dataclass(frozen=True)
class Contender:
    """Something that may run the workload.

    Attributes:
        system, hardware: as in `Row`. batch: images of a call.
        prepare: gives the call that runs one batch, or says by UserError why there is none.
        meter: gives the meter of that hardware, or says why there is none.
        notes: as in `Row`.
    """

    system: str
    hardware: str
    batch: int
    prepare: Callable[[], Run]
    meter: Callable[[], Meter]
    notes: tuple[str, ...] = ()


def contenders(workload: Workload, batches: Sequence[int] = (1, 8)) -> list[Contender]:
    """All that there are: PyTorch on processor and GPU, the integer reference, the board.

    Args:
        workload: what they run.
        batches: for PyTorch; the others compute one image at a time.
    """
    processor = processor_name()
    found = []
    for system, maker, hardware, meter in (
        ("PyTorch float32", "float_run", processor, processor_meter),
        ("PyTorch int8, dynamic", "int8_run", processor, processor_meter),
        ("PyTorch float32", "gpu_run", "GPU", gpu_meter),
    ):
        for batch in batches:
            prepare = _TorchRun(maker, workload, batch)
            found.append(Contender(system, hardware, batch, prepare, meter))
    found.append(
        Contender(
            "integer reference, int8",
            processor,
            1,
            lambda: _one_by_one(Accelerator(workload.compiled), workload),
            processor_meter,
            ("NumPy, made to be exact rather than fast; the same integers as the engine",),
        )
    )
    found.append(
        Contender("engine, int8", "ZCU104 board", 1, lambda: _board_run(workload), RailMeter)
    )
    return found


def measured_row(
    contender: Contender,
    giga_operations: float,
    seconds: float = MINIMUM_SECONDS,
    idle_seconds: float = MINIMUM_SECONDS,
) -> Row:
    """Run a contender and meter it, or say what is missing.

    Args:
        contender: that is measured. giga_operations: of one image.
        seconds, idle_seconds: of load and of rest, if there is a meter.
    """
    notes = (*contender.notes, *_busy())
    row = Row(contender.system, contender.hardware, contender.batch, notes=notes)
    try:
        run = contender.prepare()
    except UserError as error:
        return absent(row, str(error))
    row = replace(row, notes=(*row.notes, *getattr(run, "notes", ())))
    try:
        meter = contender.meter()
    except NoMeterError as error:
        found = measure(run, contender.batch, None, seconds=min(seconds, TIMING_SECONDS))
        numbers = _timed(found, contender.batch, giga_operations)
        return replace(row, numbers=numbers, missing=unmetered(str(error)))
    found = measure(run, contender.batch, meter, seconds=seconds, idle_seconds=idle_seconds)
    main = found.domains[0]
    numbers = _timed(found, contender.batch, giga_operations) | powered(
        _metered(main.watts, main.joules_error * found.images / found.seconds, found, main),
        _metered(main.joules, main.joules_error, found, main),
        giga_operations,
    )
    numbers["joules_above_idle"] = _metered(main.above_idle, main.above_idle_error, found, main)
    return replace(row, numbers=numbers, domains=tuple(map(asdict, found.domains)))


def absent(row: Row, reason: str) -> Row:
    """A row without numbers, and why; notes on numbers are left out."""
    return replace(row, missing=dict.fromkeys((*TIME, *ENERGY), reason), notes=())


def processor_name() -> str:
    """Of this machine, without the trademarks."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{' '.join(re.sub(TRADEMARKS, ' ', name).split())}, {max(len(names), 1)} cores"


def _busy() -> tuple[str, ...]:
    """A note if others compute on this machine; before a contender starts."""
    if os.getloadavg()[0] < (os.cpu_count() or 1):
        return ()
    return (BUSY,)


def _timed(found: Measurement, batch: int, giga_operations: float) -> dict[str, Number]:
    calls = found.images // batch
    latency = Number(found.latency * 1e3, "measured", f"wall clock, median of {calls} calls")
    rate = Number(found.images_per_second, "measured", f"wall clock, all {calls} calls")
    numbers = timed(latency, batch, giga_operations)
    gops = Number(rate.value * giga_operations, "measured", rate.source)
    return numbers | {"images_per_second": rate, "gops": gops}


def _metered(value: float, error: float, found: Measurement, domain: DomainEnergy) -> Number:
    return Number(
        value, "measured", f"{found.meter}: {domain.domain}", value - error, value + error
    )


@dataclass(frozen=True, eq=False)
class _TorchRun:
    """Makes a run of `m3vit.model.evaluation.torch_runs`, where torch and the model are there."""

    maker: str
    workload: Workload
    batch: int

    def __call__(self) -> Run:
        try:
            runs = import_module("m3vit.model.evaluation.torch_runs")
        except ImportError as error:
            raise UserError(
                f"{error.name} is not here: install it with `pip install m3vit[train]`"
            ) from error
        if self.workload.network is None:
            raise UserError(
                "there is no float model beside the compiled one: give its directory by --float"
            )
        make: Callable[[Workload, int], Run] = getattr(runs, self.maker)
        return make(self.workload, self.batch)


def _one_by_one(accelerator: Accelerator, workload: Workload) -> Run:
    images = itertools.cycle(workload.images)
    return lambda: accelerator.run(next(images), workload.task)


def _board_run(workload: Workload) -> Run:
    if (machine := platform.machine()) != "aarch64":
        raise UserError(f"this machine is no board but {machine}: run on a ZCU104 under PYNQ")
    try:
        return _one_by_one(Accelerator(workload.compiled, backend="board"), workload)
    except ImportError as error:
        raise UserError(
            f"{error.name} is not here: install it with `pip install m3vit[board]`"
        ) from error
