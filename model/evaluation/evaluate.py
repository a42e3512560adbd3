"""How good a model is on held-out images: metrics per task beside what constant answers score."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.evaluation.baselines import LabelStatistics, commonest_class_miou, mean_depth_rmse
from m3vit.model.evaluation.metrics import task_meter
from m3vit.model.evaluation.predictors import CompiledPredictor, FloatPredictor
from m3vit.model.loading import load_dense_prediction
from m3vit.model.tasks import canonical_tasks
from m3vit.model.training.sampling import Sample, batches, evenly_spread
from m3vit.model.training.training_log import Metrics

Predictor = FloatPredictor | CompiledPredictor

STATISTICS_IMAGES = 256
"""Training images, evenly spread, from which constant answers are learnt."""


@dataclass(frozen=True)
class EvaluationReport:
    """The result of `evaluate`.

    Attributes:
        model: directory that was evaluated.
        backend: "torch" for a float model, otherwise what computed the integers.
        dataset, split: what it was evaluated on.
        images: how many held-out images.
        metrics: task -> number -> value; `m3vit.model.tasks.TASKS` names the headline one.
        baselines: task -> value of the headline number for a constant answer learnt from the
            training split (commonest class, mean depth); only tasks that have one.
        seconds: wall time, loading of images included.
        provenance: where the numbers come from, in words.
    """

    model: str
    backend: str
    dataset: str
    split: str
    images: int
    metrics: Metrics
    baselines: dict[str, float]
    seconds: float
    provenance: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate(
    model: str | Path,
    dataset: str = "scenes",
    *,
    root: str | Path | None = None,
    split: str = "val",
    tasks: list[str] | None = None,
    limit: int | None = None,
    backend: str | None = None,
    batch_size: int = 8,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Measure a float model (through torch) or a compiled model (through integers).

    Args:
        model: directory of a float or of a compiled model.
        dataset, root, split, options: as in `m3vit.model.data.open_dataset`.
        tasks: which of the model's tasks; None: all of them.
        limit: evaluate only so many images, evenly spread over the split.
        backend: of a compiled model, as `m3vit.host.accelerator.Accelerator` takes it; None is
            "reference". A float model has no other than "torch".
        batch_size: images per forward pass of a float model; does not change the numbers.
        progress: called with (images done, images in all).

    Raises:
        UserError: the directory, the data set and the tasks do not fit together.
    """
    start = time.perf_counter()
    directory = Path(model)
    predictor: Predictor
    if (directory / "manifest.json").is_file():
        predictor = CompiledPredictor(directory, backend or "reference")
    else:
        if backend not in (None, "torch"):
            raise UserError(
                f"{directory} is no compiled model, so backend {backend} cannot run it: "
                "quantise it first or leave the backend out."
            )
        predictor = FloatPredictor(load_dense_prediction(directory), _best_device())
    path = None if root is None else Path(root)

    def opened(part: str, wanted: list[str]) -> Any:
        keywords = {"image_size": list(predictor.image_size), "augment": False, **(options or {})}
        return open_dataset(dataset, part, path, wanted, **keywords)

    names = canonical_tasks(predictor.channels if tasks is None else tasks)
    for name in names:
        if name not in predictor.channels:
            raise UserError(
                f"{directory} has no task {name}: it has {', '.join(predictor.channels)}."
            )
    held_out = opened(split, names)
    check_channels(held_out, predictor.channels, names)
    predictor.prepare(held_out, names)
    chosen = evenly_spread(len(held_out), limit)
    if not chosen:
        raise UserError(f"The {split} split of {dataset} holds no image: choose another split.")
    labels = LabelStatistics(predictor.channels.get("semseg", 0))
    metrics = score(
        predictor, held_out, names, chosen, batch_size, statistics=labels, progress=progress
    )
    baselines = constant_answers(opened("train", names), labels, names)
    return EvaluationReport(
        model=str(model),
        backend=predictor.backend,
        dataset=dataset,
        split=split,
        images=len(chosen),
        metrics=metrics,
        baselines=baselines,
        seconds=time.perf_counter() - start,
        provenance=f"measured on {len(chosen)} held-out images of {dataset} ({split}), "
        f"backend {predictor.backend}",
    )


def score(
    predictor: Predictor,
    dataset: Dataset[Sample],
    tasks: list[str],
    indices: list[int],
    batch_size: int,
    statistics: LabelStatistics | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Metrics:
    """Metrics per task over some samples of a data set.

    In a distributed run every process passes its own `indices`; the numbers are of all.

    Args:
        predictor: the model.
        dataset: map-style, with `channels`.
        tasks: what `predictor` was prepared for.
        indices: which samples.
        batch_size: images per call of `predictor`.
        statistics: takes in the labels as well.
        progress: called with (images done, images in all).
    """
    channels: Mapping[str, int] = dataset.channels  # type: ignore[attr-defined]
    device = predictor.device
    meters = {task: task_meter(task, channels[task]).to(device) for task in tasks}
    done = 0
    for batch in batches(dataset, indices, batch_size, tasks):
        outputs = predictor(batch["pixel_values"].to(device))
        for task, meter in meters.items():
            meter.update(outputs[task], batch[task].to(device))
        if statistics is not None:
            statistics.add(batch)
        done += len(batch["pixel_values"])
        if progress is not None:
            progress(done, len(indices))
    return {task: meter.compute() for task, meter in meters.items()}


def constant_answers(
    train: Dataset[Sample], scored: LabelStatistics, tasks: list[str]
) -> dict[str, float]:
    """Headline number per task of the best answer that ignores the image.

    Args:
        train: constant answers are learnt from evenly spread samples of it.
        scored: labels of the held-out images.
        tasks: those without a constant answer are left out of the result.
    """
    learnt_from = evenly_spread(len(train), STATISTICS_IMAGES)  # type: ignore[arg-type]
    seen = LabelStatistics.of((train[index] for index in learnt_from), scored.classes)
    answers: dict[str, float] = {}
    if "semseg" in tasks:
        answers["semseg"] = commonest_class_miou(seen, scored)
    if "depth" in tasks and seen.depth_pixels and scored.depth_pixels:
        answers["depth"] = mean_depth_rmse(seen, scored)
    return answers


def check_channels(dataset: Any, channels: Mapping[str, int], tasks: list[str]) -> None:
    """Refuse a data set whose labels the model cannot answer."""
    for task in tasks:
        if dataset.channels[task] != channels[task]:
            raise UserError(
                f"The data set has {dataset.channels[task]} channels for {task} but the model "
                f"{channels[task]}: evaluate on the data set that it was trained for."
            )


def _best_device() -> torch.device:
    """A GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
