"""Float model against compiled model, activation by activation: where do they part?"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.compiled import CompiledModel
from m3vit.model.loading import FloatModel, load_float_model
from m3vit.model.quantization.float_model import task_names
from m3vit.model.quantization.observe import normalised, observe
from m3vit.model.reference import Reference, Trace


@dataclass(frozen=True)
class WorstElement:
    """The element of an activation with the largest difference.

    Attributes:
        image: position among the images. index: place in the activation's array.
        float_value, integer_value: real values.
    """

    image: int
    index: tuple[int, ...]
    float_value: float
    integer_value: float


@dataclass(frozen=True)
class Difference:
    """One activation of one task over all images.

    Attributes:
        name: in the trace, such as "layers.0.attention.query".
        sqnr_db: signal over difference, 10 log10; None where there is no difference.
        worst: the largest difference.
    """

    name: str
    sqnr_db: float | None
    worst: WorstElement


@dataclass(frozen=True)
class TaskComparison:
    """One task.

    Attributes:
        differences: in the order of computation.
        assignments_kept: per MoE layer, the share of the float network's (token, expert) pairs
            that the integer network chose as well.
    """

    task: str
    differences: list[Difference]
    assignments_kept: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """All tasks.

    Attributes:
        images: how many were compared.
        assignments_kept: share over all tasks and layers; None without MoE layers.
    """

    images: int
    tasks: list[TaskComparison]
    assignments_kept: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return asdict(self)


@dataclass
class _Sums:
    """Running sums of one activation."""

    signal: float = 0.0
    noise: float = 0.0
    largest: float = -1.0
    worst: WorstElement | None = None

    def include(self, image: int, real: NDArray[Any], integer: NDArray[Any]) -> None:
        difference = np.abs(real - integer)
        self.signal += float((real**2).sum())
        self.noise += float((difference**2).sum())
        if difference.size and difference.max() > self.largest:
            index = np.unravel_index(int(difference.argmax()), difference.shape)
            self.largest = float(difference[index])
            place = tuple(int(axis) for axis in index)
            self.worst = WorstElement(image, place, float(real[index]), float(integer[index]))

    @property
    def sqnr_db(self) -> float | None:
        if self.noise == 0:
            return None
        return 10 * math.log10(max(self.signal, 1e-300) / self.noise)


@dataclass
class _Kept:
    """Assignments of one layer that both networks made, out of the float network's."""

    both: int = 0
    total: int = 0

    def include(self, real: NDArray[Any], integer: NDArray[Any]) -> None:
        self.both += int((real[:, :, None] == integer[:, None, :]).any(axis=2).sum())
        self.total += real.size


@dataclass
class _Collected:
    sums: dict[str, _Sums] = field(default_factory=dict)
    kept: dict[str, _Kept] = field(default_factory=dict)


def compare(
    float_model: FloatModel | str | Path,
    compiled: CompiledModel | str | Path,
    images: Iterable[NDArray[np.uint8]],
) -> Comparison:
    """Run both networks on the same images.

    Compared is every activation that both have in the same shape: the residual stream, all
    inputs of matmuls, gate logits and outputs; not the experts' hidden values, whose rows
    depend on the routing.

    Args:
        float_model: the model that was quantised, or its directory.
        compiled: what came of it.
        images: (H, W, channels) uint8 of the models' size.

    Raises:
        UserError: the models do not belong together, or an image has another size.
    """
    model = (
        float_model if not isinstance(float_model, str | Path) else load_float_model(float_model)
    )
    reference = Reference(compiled)
    _check_pair(model, reference.model)
    collected = {task: _Collected() for task in task_names(model)}
    count = 0
    for image in images:
        for task, found in collected.items():
            trace: Trace = {}
            reference.run(image, task, trace)
            activations = observe(model, normalised([image], model.config), task)
            real = {name: values[0].double().numpy() for name, values in activations.items()}
            _include(found, count, real, trace, reference.model.description.scales)
        count += 1
    if count == 0:
        raise UserError("there are no images to compare on: give at least one")
    everything = [kept for found in collected.values() for kept in found.kept.values()]
    total = sum(kept.total for kept in everything)
    return Comparison(
        count,
        [_summary(task, found) for task, found in collected.items()],
        sum(kept.both for kept in everything) / total if total else None,
    )


def dequantise(codes: NDArray[Any], scale: dict[str, Any]) -> NDArray[np.float64]:
    """Real values of trace codes; scales per head lie along the first axis."""
    step = np.asarray(scale["scale"], np.float64)
    step = step.reshape((-1,) + (1,) * (codes.ndim - 1)) if step.ndim else step
    return (codes.astype(np.float64) - scale["zero_point"]) * step


def _include(
    found: _Collected,
    image: int,
    real: dict[str, NDArray[Any]],
    trace: Trace,
    scales: dict[str, dict[str, Any]],
) -> None:
    """Add one image of one task."""
    for name, codes in trace.items():
        if name not in real or real[name].shape != codes.shape:
            continue
        if name.endswith(".experts"):
            layer = name.removesuffix(".mlp.experts")
            found.kept.setdefault(layer, _Kept()).include(real[name], codes)
        elif name in scales:
            integer = dequantise(codes, scales[name])
            found.sums.setdefault(name, _Sums()).include(image, real[name], integer)


def _summary(task: str, found: _Collected) -> TaskComparison:
    differences = [
        Difference(name, sums.sqnr_db, sums.worst)
        for name, sums in found.sums.items()
        if sums.worst is not None
    ]
    kept = {layer: kept.both / kept.total for layer, kept in found.kept.items()}
    return TaskComparison(task, differences, kept)


def _check_pair(model: FloatModel, compiled: CompiledModel) -> None:
    """Refuse models whose shapes or tasks differ."""
    config = model.config
    pairs = {
        "image size": ((config.image_height, config.image_width), compiled.image_size),
        "tasks": (task_names(model), [task.name for task in compiled.tasks]),
        "width": (config.hidden_size, compiled.network.width),
        "layers": (config.num_hidden_layers, compiled.network.num_layers),
        "experts": (config.num_experts, compiled.network.num_experts),
    }
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise UserError(
                f"the models do not belong together: {what} {ours} (float) and {theirs} "
                "(compiled); compare a compiled model with the model it was made from"
            )
