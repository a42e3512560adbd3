"""Ranges of a float network's activations over calibration images and all tasks.

Minima and maxima are exact over everything seen: clipping even one activation in a thousand
costs more than the finer step gains (5 to 12 dB on trained M³ViT weights). This is also why
Brevitas' calibration is not used here: it averages the extremes of the batches, which clips,
and cannot join the passes of several tasks.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from m3vit.errors import UserError
from m3vit.model.loading import FloatModel

from .float_model import task_names
from .observe import normalised, observe

logger = logging.getLogger(__name__)

PER_HEAD = ("query", "key", "value")
BATCH = 8


@dataclass
class Calibration:
    """What calibration found.

    Attributes:
        low, high: by trace name; shape () or, for queries, keys and values, (H,).
        images: how many images were seen.
    """

    low: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    high: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    images: int = 0

    def include(self, name: str, values: Tensor) -> None:
        """Widen the range of `name` to hold (B, ...) values."""
        if values.numel() == 0:
            return
        per_head = name.rsplit(".", 1)[1] in PER_HEAD
        axes = [0, 2, 3] if per_head else list(range(values.dim()))
        low = values.amin(axes).double().numpy()
        high = values.amax(axes).double().numpy()
        self.low[name] = np.minimum(low, self.low.get(name, low))
        self.high[name] = np.maximum(high, self.high.get(name, high))

    def magnitude(self, name: str) -> NDArray[np.float64]:
        """Largest absolute value of `name`, () or (H,); 0 where nothing was seen."""
        if name not in self.low:
            return np.zeros(())
        return np.maximum(-self.low[name], self.high[name]).clip(min=0.0)


def calibrate(model: FloatModel, images: Iterable[NDArray[np.uint8]]) -> Calibration:
    """Run every task on every image and collect ranges.

    Args:
        model: float network.
        images: (H, W, channels) uint8 of the model's size; some dozens suffice.

    Raises:
        UserError: no image, one of another size, or an activation that is not finite.
    """
    calibration = Calibration()
    remaining = iter(images)
    while batch := list(islice(remaining, BATCH)):
        pixel_values = normalised(batch, model.config)
        for task in task_names(model):
            for name, values in observe(model, pixel_values, task).items():
                if values.is_floating_point():
                    calibration.include(name, values)
        calibration.images += len(batch)
        logger.info("calibrated on %d images", calibration.images)
    # Quantisation-aware training learnt these; the weights are made for them.
    for name, (low, high) in getattr(model.config, "activation_ranges", {}).items():
        calibration.low[name], calibration.high[name] = np.array(low), np.array(high)
    if calibration.images == 0:
        raise UserError("there are no calibration images: give at least one, better some dozens")
    for name, high in calibration.high.items():
        if not np.isfinite(high - calibration.low[name]).all():
            raise UserError(
                f"activation '{name}' is not finite on the calibration images: the model's "
                "weights are broken or beyond float32, train it again"
            )
    return calibration
