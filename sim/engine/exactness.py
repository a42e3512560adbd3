"""Whole networks on a simulated engine, compared with the reference in every integer it stores."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.host.buffers import AS_LITTLE_AS_POSSIBLE, Division
from m3vit.host.driver import EngineDriver
from m3vit.host.program import build_plan
from m3vit.model.compiled import CompiledModel
from m3vit.model.reference import Reference, TaskRun, Trace

from .library import EngineLibrary, Memory, Options
from .port import SimulatedPort

TIMEOUT = 600.0
"""Seconds that a program may take; the engine's own watchdog ends one that is stuck."""


class Comparison:
    """A simulated engine that runs one network after another, without a reset in between.

    Args:
        design: sizes of the hardware.
        seed: of the memory's stalls.
        size: bytes of memory; for the largest network.
    """

    def __init__(self, design: DesignConfig, seed: int = 1, size: int = 1 << 26) -> None:
        self.design = design
        options = Options(Memory(size=size), seed=seed)
        self.library = EngineLibrary(Engine.compile(design), options)

    def differences(
        self,
        model: CompiledModel,
        images: Sequence[NDArray[np.uint8]],
        memory: Memory | None = None,
        division: Division = AS_LITTLE_AS_POSSIBLE,
    ) -> list[str]:
        """What is not equal to the reference; empty if everything is.

        On every image, every task runs with all its residual streams stored; then all tasks run
        from one snapshot, in reverse order, and one of them as a program of its own.

        Args:
            model: that runs.
            images: one after another.
            memory: how it behaves from now on.
            division: of tokens and heads.

        Raises:
            EngineError: a program did not end well.
            UserError: the network does not fit the design.
        """
        whole = self.library.options.memory
        behaviour = replace(memory or whole, size=whole.size, base=whole.base)
        self.library.configure(behaviour)
        port = SimulatedPort(self.library)
        driver = EngineDriver(port, build_plan(model, self.design, division), TIMEOUT)
        reference = Reference(model)
        found: list[str] = []
        for number, pixels in enumerate(images):
            alone = model.tasks[number % len(model.tasks)].name
            found += (f"image {number}, {what}" for what in _image(driver, reference, pixels))
            expected = reference.run(pixels, alone)
            found += (
                f"image {number}, {alone} alone: {what}"
                for what in unequal(driver.run(pixels, alone), expected)
            )
        return found

    def close(self) -> None:
        """Free the engine's memory."""
        self.library.close()

    def __enter__(self) -> "Comparison":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unequal(found: TaskRun, expected: TaskRun) -> Iterator[str]:
    """Which results of a run are not those of another: output, experts, scores."""
    if not _same(found.output, expected.output):
        yield "output"
    if len(found.routing) != len(expected.routing):
        yield "number of routings"
    for layer, (ours, theirs) in enumerate(zip(found.routing, expected.routing, strict=False)):
        for part in ("experts", "scores"):
            if not _same(getattr(ours, part), getattr(theirs, part)):
                yield f"{part} of routing {layer}"


def _image(driver: EngineDriver, reference: Reference, pixels: NDArray[np.uint8]) -> Iterator[str]:
    names = [task.name for task in reference.model.tasks]
    expected = {}
    for name in names:
        trace: Trace = {}
        expected[name] = reference.run(pixels, name, trace)
        run, stored = driver.run_traced(pixels, name)
        parts = [part for part, rows in stored.items() if not _same(rows, trace[part])]
        for what in (*parts, *unequal(run, expected[name])):
            yield f"{name}: {what}"
    for name, run in driver.run_all(pixels, reversed(names)).items():
        for what in unequal(run, expected[name]):
            yield f"{name} from the snapshot: {what}"


def _same(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return found.dtype == expected.dtype and np.array_equal(found, expected)
