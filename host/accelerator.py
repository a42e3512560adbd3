"""One `Accelerator` in front of every way to execute a compiled model.

Whatever computes, the integers are the same, and so is their digest.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.host.decoder import decode
from m3vit.host.stream import Frame, Throughput
from m3vit.host.upsampling import bilinear, spread_cells
from m3vit.model.compiled import CompiledModel
from m3vit.model.cost import expert_loads, run_macs, run_weight_bytes
from m3vit.model.integer_ops import Routing
from m3vit.model.parameters import Decoder
from m3vit.model.reference import TaskRun
from m3vit.model.shape import Shape


class Backend(Protocol):
    """What executes a compiled model."""

    def run(self, pixels: NDArray[np.uint8], task: str) -> TaskRun:
        """Run one task on one (H, W, channels) image of exactly the model's size."""
        ...


@runtime_checkable
class StreamingBackend(Backend, Protocol):
    """One that computes a frame while the host prepares the next."""

    def stream(
        self, frames: Iterable[Frame], throughput: Throughput | None = None
    ) -> Iterator[TaskRun]:
        """Run one task on each of many images."""
        ...


BackendMaker = Callable[[CompiledModel], Backend]
TokenDecoder = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# Name -> module and class. Imported when chosen, since each needs other software.
BACKENDS: Mapping[str, str] = {
    "reference": "m3vit.model.reference:Reference",
    "csim": "m3vit.sim.csim.backend:KernelSimulation",
    "rtl": "m3vit.sim.engine.backend:EngineSimulation",
    "board": "m3vit.host.overlay:BoardEngine",
}


@dataclass(frozen=True, eq=False)
class Result:
    """What one task gave on one image, and what that took.

    Attributes:
        task: its name. backend: what computed it.
        output: integer codes, as in `m3vit.model.reference.TaskRun`.
        scale: real value of one code.
        routing: per MoE layer, who went where.
        loads: (MoE layers, E) tokens in each expert's queue.
        seconds: wall time of the run; measured.
        cycles: of the engine's clock, simulated or on a board; None if no engine ran it.
        macs: multiply-accumulates; counted from shapes and routing.
        weight_bytes: of the parameters that were read; counted, idle experts not.
        digest: SHA-256 of the output's bytes (its own integer type, little-endian, row-major).
        decoder: the task's up-sampling head, if the network has such; `prediction` computes it.
    """

    task: str
    backend: str
    output: NDArray[np.int16]
    scale: float
    routing: tuple[Routing, ...]
    loads: NDArray[np.int64]
    seconds: float
    cycles: int | None
    macs: int
    weight_bytes: int
    digest: str
    shape: Shape
    decoder: Decoder | None = None

    @property
    def experts_used(self) -> tuple[int, ...]:
        """Experts with at least one token, per MoE layer."""
        return tuple(int(used) for used in (self.loads > 0).sum(axis=1))

    def prediction(self, decoder: TokenDecoder | None = None) -> NDArray[np.float32]:
        """The head's raw values (C, H, W) at image resolution.

        Args:
            decoder: from the tokens of the last block, (T, D) real values with the class token
                first, to (C, h, w), such as an `OnnxDecoder`; by default the model's own.

        Raises:
            UserError: the network has no head for maps, or does not end with its tokens.
        """
        values = self.output.astype(np.float32) * np.float32(self.scale)
        if decoder is not None:
            if self.shape.head != "tokens":
                raise UserError(
                    f"this model ends with '{self.shape.head}' and a decoder takes tokens: compile "
                    "the model without a head, or with the up-sampling one"
                )
            return bilinear(decoder(values), self.shape.image)
        height, width = self.shape.image
        grid = (height // self.shape.patch, width // self.shape.patch)
        if self.decoder is not None:
            return bilinear(decode(self.decoder, values[1:], grid), self.shape.image)
        if self.shape.head != "linear":
            raise UserError(
                f"this model ends with '{self.shape.head}', which is no map: read `output` instead"
            )
        return bilinear(spread_cells(values, grid, self.shape.cells), self.shape.image)


class Accelerator:
    """Runs a compiled model, task by task.

    Args:
        model: a compiled model, or the directory of one.
        backend: a name of `BACKENDS`, or a function from a compiled model to a `Backend`.

    Raises:
        UserError: the model is damaged, or no such backend exists.
    """

    def __init__(
        self, model: CompiledModel | str | Path, backend: str | BackendMaker = "reference"
    ) -> None:
        make = open_backend(backend) if isinstance(backend, str) else backend
        self.model = model if isinstance(model, CompiledModel) else CompiledModel.load(model)
        self.backend = backend if isinstance(backend, str) else make.__name__
        self._engine = make(self.model)
        self._shape = Shape.from_compiled(self.model)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the model's tasks."""
        return tuple(task.name for task in self.model.tasks)

    def run(self, pixels: NDArray[np.uint8], task: str) -> Result:
        """Run one task on one image.

        Args:
            pixels: (H, W, channels) of the model's size; `m3vit.host.image` makes them.
            task: name.

        Raises:
            UserError: an image of another size or type, or an unknown task.
        """
        start = time.perf_counter()
        run = self._engine.run(pixels, task)
        return self._result(run, time.perf_counter() - start)

    def stream(
        self, frames: Iterable[Frame], throughput: Throughput | None = None
    ) -> Iterator[Result]:
        """Run one task on each of many images, in their order; all tasks are always ready.

        Where the engine is hardware, or simulated as such, it computes one frame while the host
        prepares the next: a result then comes when the next frame has been started.

        Args:
            frames: images of the model's size, and the task of each.
            throughput: a fresh one counts what this takes.

        Yields:
            One result per frame; its `seconds` are those since the result before.

        Raises:
            UserError: an image of another size or type, or an unknown task.
        """
        meter = throughput if throughput is not None else Throughput()
        start = time.perf_counter()
        for run in self._runs(frames, meter):
            now = time.perf_counter()
            yield self._result(run, now - start)
            start = now

    def _runs(self, frames: Iterable[Frame], throughput: Throughput) -> Iterator[TaskRun]:
        if isinstance(self._engine, StreamingBackend):
            yield from self._engine.stream(frames, throughput)
            return
        throughput.start()
        for pixels, task in frames:
            with throughput.measure("run"):
                run = self._engine.run(pixels, task)
            throughput.count(run.cycles or 0)
            yield run

    def _result(self, run: TaskRun, seconds: float) -> Result:
        loads = expert_loads([layer.experts for layer in run.routing], self._shape.experts)
        return Result(
            task=run.task,
            backend=self.backend,
            output=run.output,
            scale=run.scale,
            routing=run.routing,
            loads=loads,
            seconds=seconds,
            cycles=run.cycles,
            macs=run_macs(self._shape, run.task, loads),
            weight_bytes=run_weight_bytes(self.model, run.task, loads),
            digest=digest(run.output),
            shape=self._shape,
            decoder=self.model.parameters.decoders.get(run.task),
        )


def digest(output: NDArray[np.integer[Any]]) -> str:
    """SHA-256 of an integer array's bytes: its own width, little-endian, row-major."""
    little = np.ascontiguousarray(output, dtype=output.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def open_backend(name: str) -> BackendMaker:
    """Import a backend.

    Raises:
        UserError: there is none of that name.
    """
    if name not in BACKENDS:
        raise UserError(f"no backend '{name}': this version has {', '.join(BACKENDS)}")
    module, _, attribute = BACKENDS[name].partition(":")
    return cast(BackendMaker, getattr(import_module(module), attribute))
