"""The six dense tasks of M³ViT: order, label conventions, headline metrics and Δm."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from m3vit.errors import UserError

TaskKind = Literal["classes", "mask", "direction", "distance"]

IGNORED = 255
"""Label of pixels that count for nothing in tasks of kind "classes" and "mask"."""


@dataclass(frozen=True)
class Task:
    """What one task predicts per pixel and how it is judged.

    Attributes:
        name: key of the task in samples, logits and configurations.
        title: name for people.
        kind: "classes" (int64 (H, W), `IGNORED` = not labelled), "mask" (float32 (1, H, W) of
            0 and 1, `IGNORED` = not labelled), "direction" (float32 (3, H, W) unit vectors in
            camera axes x right, y up, z towards the viewer; all-zero = not labelled) or
            "distance" (float32 (1, H, W) in metres, 0 = not labelled).
        channels: default number of output channels C; data sets set their own.
        metric: key of the headline metric in the meter's result.
        higher_is_better: direction of the headline metric.
        unit: unit of the headline metric as printed behind the number, may be empty.
    """

    name: str
    title: str
    kind: TaskKind
    channels: int
    metric: str
    higher_is_better: bool
    unit: str = ""


# The order is M³ViT's and decides the task index of gates: never sort it.
TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("semseg", "semantic segmentation", "classes", 40, "miou", True),
        Task("human_parts", "human parts", "classes", 7, "miou", True),
        Task("sal", "saliency", "mask", 1, "max_jaccard", True),
        Task("normals", "surface normals", "direction", 3, "mean_angle", False, "°"),
        Task("edge", "edges", "mask", 1, "dilation_f", True),
        Task("depth", "depth", "distance", 1, "rmse", False, "m"),
    )
}


def canonical_tasks(names: Iterable[str]) -> list[str]:
    """Sort task names into the order of `TASKS`.

    Raises:
        UserError: a name is unknown or repeated, or there is none at all.
    """
    wanted = list(names)
    if not wanted:
        raise UserError(f"No task was named: choose from {', '.join(TASKS)}.")
    for name in wanted:
        if name not in TASKS:
            close = difflib.get_close_matches(name, TASKS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(f"Unknown task {name!r}: {hint}the tasks are {', '.join(TASKS)}.")
        if wanted.count(name) > 1:
            raise UserError(f"Task {name!r} is named twice: name each task once.")
    return [name for name in TASKS if name in wanted]


def delta_m(multi: Mapping[str, float], single: Mapping[str, float]) -> float:
    """Mean relative gain of a multi-task model over single-task models, in percent.

    The sign of tasks whose metric is better when lower is turned, so that positive always
    means that the multi-task model is better: Δm = 100/T Σ ±(M_multi - M_single)/M_single.

    Args:
        multi: headline metric per task of the multi-task model.
        single: headline metric per task of the single-task models; the same tasks.

    Raises:
        ValueError: the tasks differ or a single-task metric is zero.
    """
    if set(multi) != set(single):
        raise ValueError(f"tasks differ: {sorted(multi)} against {sorted(single)}")
    names = canonical_tasks(multi)
    if zero := [name for name in names if single[name] == 0]:
        raise ValueError(f"the single-task metric of {zero[0]} is zero: no relative gain exists")
    gains = [
        (1 if TASKS[name].higher_is_better else -1) * (multi[name] - single[name]) / single[name]
        for name in names
    ]
    return 100 * sum(gains) / len(gains)
