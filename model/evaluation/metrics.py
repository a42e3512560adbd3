"""Accuracy of the six tasks, accumulated over batches, from tensors or NumPy arrays alike.

Every meter is a `torchmetrics.Metric` whose states are sums, so that torchmetrics adds them up
across processes by itself. Confusion matrix and mean squared error are torchmetrics' own; what
it has no counterpart for is written here: saliency (thresholds are chosen after averaging over
images), angles between normals, and the edge score.
"""

from abc import abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import MeanSquaredError, Metric
from torchmetrics.functional.classification import multiclass_confusion_matrix

from m3vit.errors import UserError
from m3vit.model.tasks import IGNORED, TASKS

Array = Tensor | NDArray[Any]

SALIENCY_THRESHOLDS = torch.linspace(0.2, 0.9, 15).tolist()
"""Probabilities at which saliency maps are cut."""

EDGE_THRESHOLDS = torch.linspace(0.05, 0.95, 19).tolist()
"""Probabilities at which edge maps are cut."""

EDGE_TOLERANCE = 0.0075
"""How far a predicted edge may lie from a true one, as a part of the image's diagonal."""


class TaskMeter(Metric):
    """Base of the meters: takes raw head outputs and labels, returns named numbers."""

    full_state_update = False
    higher_is_better = None
    is_differentiable = False

    def update(self, logits: Array, label: Array) -> None:
        """Add a batch.

        Args:
            logits: (B, C, H, W) raw output of the head, before sigmoid or argmax.
            label: batched label in the convention of `m3vit.model.tasks.Task.kind`.
        """
        logits, label = torch.as_tensor(logits), torch.as_tensor(label)
        if logits.ndim != 4 or logits.shape[-2:] != label.shape[-2:] or len(logits) != len(label):
            raise ValueError(
                f"logits {tuple(logits.shape)} do not match label {tuple(label.shape)}"
            )
        self.add(logits.float(), label)

    @abstractmethod
    def add(self, logits: Tensor, label: Tensor) -> None:
        """Add a batch of tensors whose shapes agree."""


class ClassMeter(TaskMeter):
    """Intersection over union per class and their mean over *all* classes.

    A class without any labelled or predicted pixel counts as 0, as in M³ViT's evaluation.
    Keys: miou, pixel_accuracy.

    Args:
        classes: number of classes.
        skip_background_images: leave out images in which only class 0 is labelled (human parts
            are not scored on images without persons).
    """

    confusion: Tensor

    def __init__(self, classes: int, skip_background_images: bool = False) -> None:
        super().__init__()
        self.classes = classes
        self.skip_background_images = skip_background_images
        empty = torch.zeros(classes, classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Count (label, prediction) pairs."""
        labelled = label[label != IGNORED]
        if labelled.numel() and not 0 <= int(labelled.min()) <= int(labelled.max()) < self.classes:
            raise UserError(
                f"A label holds class {int(labelled.max())} but the model has {self.classes} "
                f"classes: evaluate on the data set that the model was trained for."
            )
        if self.skip_background_images:
            persons = ((label != IGNORED) & (label != 0)).flatten(1).any(dim=1)
            logits, label = logits[persons], label[persons]
        if len(label):
            self.confusion += multiclass_confusion_matrix(
                logits.argmax(dim=1),
                label.long(),
                self.classes,
                ignore_index=IGNORED,
                validate_args=False,
            )

    def class_iou(self) -> Tensor:
        """(C,) float64 intersection over union per class; 0 for absent classes."""
        hits = self.confusion.diagonal().double()
        union = self.confusion.sum(0) + self.confusion.sum(1) - self.confusion.diagonal()
        return hits / union.clamp(min=1)

    def compute(self) -> dict[str, float]:
        """Numbers over all batches so far."""
        hits = self.confusion.diagonal().sum().item()
        return {
            "miou": self.class_iou().mean().item(),
            "pixel_accuracy": hits / max(1, int(self.confusion.sum())),
        }


class SaliencyMeter(TaskMeter):
    """Best mean Jaccard index and best F over `SALIENCY_THRESHOLDS`.

    Jaccard, precision and recall are averaged over images at each threshold, and the best
    threshold is chosen afterwards. Where neither prediction nor label has a salient pixel all
    three are 1; where only one of them has, all three are 0. Keys: max_jaccard, max_f.
    """

    jaccard: Tensor
    precision: Tensor
    recall: Tensor
    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("jaccard", "precision", "recall"):
            empty = torch.zeros(len(SALIENCY_THRESHOLDS), dtype=torch.float64)
            self.add_state(name, empty, dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Add the three ratios of each image at each threshold."""
        valid = (label != IGNORED).flatten(1)
        truth = (label >= 0.5).flatten(1) & valid
        probability = logits.sigmoid().flatten(1)
        wanted = truth.sum(1)
        for index, threshold in enumerate(SALIENCY_THRESHOLDS):
            predicted = (probability > threshold) & valid
            found, hits = predicted.sum(1), (predicted & truth).sum(1).double()
            both_empty = ((found + wanted) == 0).double()
            self.jaccard[index] += (both_empty + hits / (found + wanted - hits).clamp(min=1)).sum()
            self.precision[index] += (both_empty + hits / found.clamp(min=1)).sum()
            self.recall[index] += (both_empty + hits / wanted.clamp(min=1)).sum()
        self.images += len(label)

    def compute(self) -> dict[str, float]:
        """Numbers over all batches so far."""
        images = self.images.clamp(min=1)
        best_f = _f_measure(self.precision / images, self.recall / images).max()
        return {"max_jaccard": (self.jaccard / images).max().item(), "max_f": best_f.item()}


class EdgeMeter(TaskMeter):
    """A stand-in for odsF, which needs an external tool: do not compare it with published odsF.

    A predicted edge pixel is right when a true one lies in the square window of
    +-`EDGE_TOLERANCE` of the diagonal around it, and the other way round for recall; counts are
    pooled over the data set and the best of `EDGE_THRESHOLDS` is taken. odsF differs: it thins
    the prediction to one pixel and matches pixels one to one, so it is stricter.
    Keys: dilation_f, threshold.
    """

    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Columns: right predictions, predictions, true edges found, true edges.
        empty = torch.zeros(len(EDGE_THRESHOLDS), 4, dtype=torch.int64)
        self.add_state("counts", empty, dist_reduce_fx="sum")

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Add the four counts of the batch at each threshold."""
        height, width = label.shape[-2:]
        radius = round(EDGE_TOLERANCE * (height**2 + width**2) ** 0.5)
        valid = label != IGNORED
        truth = (label >= 0.5) & valid
        probability = logits.sigmoid()
        near_truth = _dilate(truth, radius)
        for index, threshold in enumerate(EDGE_THRESHOLDS):
            predicted = (probability > threshold) & valid
            self.counts[index, 0] += (predicted & near_truth).sum()
            self.counts[index, 1] += predicted.sum()
            self.counts[index, 2] += (truth & _dilate(predicted, radius)).sum()
            self.counts[index, 3] += truth.sum()

    def compute(self) -> dict[str, float]:
        """Numbers over all batches so far."""
        right, predicted, found, true = self.counts.double().unbind(1)
        f = _f_measure(right / predicted.clamp(min=1), found / true.clamp(min=1))
        best = int(f.argmax())
        return {"dilation_f": f[best].item(), "threshold": EDGE_THRESHOLDS[best]}


class NormalsMeter(TaskMeter):
    """Angles between predicted and true normals in degrees, pooled over labelled pixels.

    Keys: mean_angle, median_angle (to half a hundredth of a degree: it is read off a
    histogram, so memory does not grow), rmse_angle, below_11.25, below_22.5, below_30
    (fractions).
    """

    histogram: Tensor
    sums: Tensor
    BINS_PER_DEGREE = 100
    LIMITS = (11.25, 22.5, 30.0)

    def __init__(self) -> None:
        super().__init__()
        empty = torch.zeros(180 * self.BINS_PER_DEGREE + 1, dtype=torch.int64)
        self.add_state("histogram", empty, dist_reduce_fx="sum")
        # Sum of angles, of their squares, and pixels below each limit.
        sums = torch.zeros(2 + len(self.LIMITS), dtype=torch.float64)
        self.add_state("sums", sums, dist_reduce_fx="sum")

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Add the angles of the labelled pixels."""
        predicted = logits.movedim(1, -1)
        true = label.movedim(1, -1)
        labelled = (true != 0).any(dim=-1)
        predicted = F.normalize(predicted[labelled].double(), dim=-1)
        true = F.normalize(true[labelled].double(), dim=-1)
        # atan2 keeps its precision for small angles, where acos of the product loses it.
        sine = torch.linalg.cross(predicted, true).norm(dim=-1)
        angle = torch.atan2(sine, (predicted * true).sum(-1)).rad2deg()
        bins = (angle * self.BINS_PER_DEGREE).long()
        self.histogram += torch.bincount(bins, minlength=len(self.histogram))
        below = [(angle < limit).sum().double() for limit in self.LIMITS]
        self.sums += torch.stack([angle.sum(), angle.square().sum(), *below])

    def compute(self) -> dict[str, float]:
        """Numbers over all batches so far; NaN when nothing was labelled."""
        pixels = self.histogram.sum()
        mean, square, *below = (self.sums / pixels).tolist()
        median_bin = int((self.histogram.cumsum(0) * 2 >= pixels).long().argmax())
        return {
            "mean_angle": mean,
            "median_angle": (median_bin + 0.5) / self.BINS_PER_DEGREE,
            "rmse_angle": square**0.5,
            **{f"below_{limit:g}": share for limit, share in zip(self.LIMITS, below, strict=True)},
        }


class DepthMeter(TaskMeter):
    """Root mean square error in metres and of the natural logarithm, pooled over labelled pixels.

    Predictions that are not positive are raised to 1e-9 m first. Keys: rmse, log_rmse.
    """

    def __init__(self) -> None:
        super().__init__()
        self.linear = MeanSquaredError(squared=False).set_dtype(torch.float64)
        self.logarithmic = MeanSquaredError(squared=False).set_dtype(torch.float64)

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Add the labelled pixels."""
        labelled = label > 0
        if labelled.any():
            predicted = logits[labelled].double().clamp(min=1e-9)
            true = label[labelled].double()
            self.linear.update(predicted, true)
            self.logarithmic.update(predicted.log(), true.log())

    def compute(self) -> dict[str, float]:
        """Numbers over all batches so far; NaN when nothing was labelled."""
        return {
            "rmse": self.linear.compute().item(),
            "log_rmse": self.logarithmic.compute().item(),
        }

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self.linear.reset()
        self.logarithmic.reset()


def task_meter(task: str, channels: int) -> TaskMeter:
    """The meter of a task; its headline number is under `TASKS[task].metric`."""
    match TASKS[task].kind:
        case "classes":
            return ClassMeter(channels, skip_background_images=task == "human_parts")
        case "mask":
            return EdgeMeter() if task == "edge" else SaliencyMeter()
        case "direction":
            return NormalsMeter()
        case "distance":
            return DepthMeter()


def _f_measure(precision: Tensor, recall: Tensor) -> Tensor:
    """Harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall).clamp(min=1e-12)


def _dilate(mask: Tensor, radius: int) -> Tensor:
    """(B, 1, H, W) bool: whether any pixel is set in the window of +-radius."""
    return F.max_pool2d(mask.float(), 2 * radius + 1, stride=1, padding=radius) > 0
