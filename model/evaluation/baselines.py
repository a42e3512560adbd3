"""What a model that ignores its input would score: the floor that every result is held against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3vit.model.tasks import IGNORED


@dataclass
class LabelStatistics:
    """Sums over labels of a data set, enough for constant predictors and their scores.

    Attributes:
        classes: number of semantic classes; 0 leaves that task out.
        pixels: (classes,) int64 labelled pixels per class.
        depth_pixels, depth_sum, depth_squares: count, sum (m) and sum of squares (m²) of depth.
    """

    classes: int = 0
    pixels: NDArray[np.int64] = field(init=False)
    depth_pixels: int = 0
    depth_sum: float = 0.0
    depth_squares: float = 0.0

    def __post_init__(self) -> None:
        self.pixels = np.zeros(self.classes, dtype=np.int64)

    def add(self, labels: Mapping[str, ArrayLike]) -> None:
        """Add the semseg and depth labels of one sample or batch; other entries are ignored."""
        if self.classes and "semseg" in labels:
            semseg = np.asarray(labels["semseg"])
            self.pixels += np.bincount(semseg[semseg != IGNORED], minlength=self.classes)
        if "depth" in labels:
            depth = np.asarray(labels["depth"], dtype=np.float64)
            depth = depth[depth > 0]
            self.depth_pixels += depth.size
            self.depth_sum += float(depth.sum())
            self.depth_squares += float(np.square(depth).sum())

    @classmethod
    def of(cls, samples: Iterable[Mapping[str, Any]], classes: int) -> "LabelStatistics":
        """Statistics of all samples."""
        statistics = cls(classes)
        for sample in samples:
            statistics.add(sample)
        return statistics


def commonest_class_miou(train: LabelStatistics, held_out: LabelStatistics) -> float:
    """mIoU on `held_out` of always answering the class that is commonest in `train`.

    The one class scores its share of the pixels, all others 0; the mean is over all classes.
    """
    commonest = int(train.pixels.argmax())
    total = int(held_out.pixels.sum())
    return float(held_out.pixels[commonest]) / max(1, total) / max(1, held_out.classes)


def mean_depth_rmse(train: LabelStatistics, held_out: LabelStatistics) -> float:
    """RMSE in metres on `held_out` of always answering the mean depth of `train`.

    Raises:
        ValueError: one of the two has no depth label.
    """
    if not train.depth_pixels or not held_out.depth_pixels:
        raise ValueError("no depth label: there is no mean depth")
    answer = train.depth_sum / train.depth_pixels
    mean = held_out.depth_sum / held_out.depth_pixels
    mean_square = held_out.depth_squares / held_out.depth_pixels
    return float(np.sqrt(max(0.0, mean_square - 2 * answer * mean + answer**2)))
