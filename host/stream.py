"""Streams of images on the engine, a task with each, and where their time goes."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from m3vit.model.reference import TaskRun

from .program import Slot

if TYPE_CHECKING:
    from .driver import EngineDriver

Frame = tuple[NDArray[np.uint8], str]
"""An image and the name of a task."""

Part = Literal["pack", "copy", "run", "unpack"]


@dataclass
class Throughput:
    """What a stream has taken so far; a fresh one for each stream.

    Attributes:
        frames: results so far. seconds: wall time from the stream's start to the last result.
        cycles: of the engine.
        parts: seconds that the host spent on each: "pack" (pixels to the engine's format), "copy"
            (to and from the engine's memory, with flushing and invalidating), "run" (waiting for
            the engine), "unpack" (the engine's format to arrays). Where the engine computes
            meanwhile, "run" is only what the host had to wait in the end.
    """

    frames: int = 0
    seconds: float = 0.0
    cycles: int = 0
    parts: dict[Part, float] = field(
        default_factory=lambda: {"pack": 0.0, "copy": 0.0, "run": 0.0, "unpack": 0.0}
    )
    _start: float | None = None

    def start(self) -> None:
        """The wall time begins."""
        self._start = time.perf_counter()

    @contextmanager
    def measure(self, part: Part) -> Iterator[None]:
        """Add what the body takes to a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.parts[part] += time.perf_counter() - start

    def count(self, cycles: int) -> None:
        """One more result is there."""
        self.frames += 1
        self.cycles += cycles
        if self._start is not None:
            self.seconds = time.perf_counter() - self._start

    @property
    def frames_per_second(self) -> float:
        """By wall time; 0 before the first result."""
        return self.frames / self.seconds if self.seconds else 0.0

    def milliseconds(self) -> dict[str, float]:
        """Of a frame on average, by part, and "total" by wall time; empty before the first."""
        if not self.frames:
            return {}
        total = 1000 * self.seconds / self.frames
        parts = {str(part): 1000 * seconds / self.frames for part, seconds in self.parts.items()}
        return {**parts, "total": total}

    def __str__(self) -> str:
        if not self.frames:
            return "no frames"
        times = ", ".join(f"{part} {ms:.2f} ms" for part, ms in self.milliseconds().items())
        counted = f"; {self.cycles // self.frames:,} cycles of the engine" if self.cycles else ""
        return (
            f"{self.frames} frames, {self.frames_per_second:.1f} per second; each {times}{counted}"
        )


@dataclass(frozen=True)
class _Running:
    """A frame that the engine computes."""

    task: str
    slot: Slot


def stream(
    driver: "EngineDriver", frames: Iterable[Frame], throughput: Throughput
) -> Iterator[TaskRun]:
    """The results of `EngineDriver.stream`."""
    slots = driver.plan.slots if driver.overlapped else driver.plan.slots[:1]
    throughput.start()
    running: _Running | None = None
    try:
        for number, (pixels, task) in enumerate(frames):
            following = _Running(driver.plan.model.task(task).name, slots[number % len(slots)])
            with throughput.measure("pack"):
                content = driver.plan.place_image(pixels)
            if running and not driver.overlapped:
                ended, running = running, None
                yield _collect(driver, ended, _end(driver, ended, throughput), throughput)
            with throughput.measure("copy"):
                driver.port.write(following.slot.image.start, content)
            if running:
                ended, running = running, None
                cycles = _end(driver, ended, throughput)
                driver.start(following.slot.programs[following.task])
                running = following
                yield _collect(driver, ended, cycles, throughput)
            else:
                driver.start(following.slot.programs[following.task])
                running = following
        if running:
            ended, running = running, None
            yield _collect(driver, ended, _end(driver, ended, throughput), throughput)
    finally:
        if running:  # an image was refused, or nobody wants the rest
            driver.await_done()


def _end(driver: "EngineDriver", running: _Running, throughput: Throughput) -> int:
    """Wait until the engine has computed a frame; its cycles."""
    with throughput.measure("run"):
        driver.finish(running.slot.programs[running.task])
    return driver.statistic("CYCLES")


def _collect(
    driver: "EngineDriver", ended: _Running, cycles: int, throughput: Throughput
) -> TaskRun:
    """The result of a frame that has been computed."""
    outputs = ended.slot.outputs[ended.task]
    with throughput.measure("copy"):
        content = driver.port.read(outputs.start, outputs.stop - outputs.start)
    with throughput.measure("unpack"):
        run = driver.plan.unpack_run(np.frombuffer(content, np.uint8), ended.task)
    throughput.count(cycles)
    return replace(run, cycles=cycles)
