"""Training losses of the six tasks, as M³ViT defines them; never NaN for an empty label."""

import torch
import torch.nn.functional as F
from torch import Tensor

from m3vit.errors import UserError
from m3vit.model.tasks import IGNORED, TASKS

EDGE_POSITIVE_WEIGHT = 0.95
"""Weight of edge pixels in the balanced cross-entropy; other pixels get the rest to 1."""


def task_loss(task: str, logits: Tensor, label: Tensor, distance: str = "l1") -> Tensor:
    """Loss of one task over a batch; computed in float32 whatever the logits' type.

    * semseg, human_parts: cross-entropy, mean over labelled pixels.
    * sal: balanced binary cross-entropy; the weight of positive pixels is the share of
      negative ones in the batch, so that both sides weigh the same.
    * edge: the same with the fixed weight `EDGE_POSITIVE_WEIGHT`.
    * normals: L1 distance between the unit-normalised output and the label, mean over the
      components of labelled pixels.
    * depth: L1 distance in metres, mean over labelled pixels; or, with `distance` "rmse", the
      root of the mean squared distance, which is what the metric measures: it pulls towards the
      mean where L1 pulls towards the median, and so does not give up on what is far away.

    Args:
        task: name from `m3vit.model.tasks.TASKS`.
        logits: (B, C, H, W) raw output of the task's head.
        label: the label in the convention of `m3vit.model.tasks.Task.kind`, batched.
        distance: "l1" or "rmse", for depth.

    Returns:
        A scalar with a graph to `logits`; exactly 0 when no pixel is labelled.

    Raises:
        UserError: a class label does not fit the number of channels.
        ValueError: the spatial sizes differ.
    """
    if logits.shape[-2:] != label.shape[-2:] or len(logits) != len(label):
        raise ValueError(
            f"{task}: logits {tuple(logits.shape)} do not match label {tuple(label.shape)}"
        )
    logits = logits.float()
    match TASKS[task].kind:
        case "classes":
            return _cross_entropy(task, logits, label)
        case "mask":
            weight = EDGE_POSITIVE_WEIGHT if task == "edge" else None
            return _balanced_cross_entropy(logits, label, weight)
        case "direction":
            valid = (label != 0).any(dim=1, keepdim=True).expand_as(label)
            return _mean_where(valid, (F.normalize(logits, dim=1) - label).abs())
        case "distance":
            difference = logits - label
            if distance == "l1":
                return _mean_where(label > 0, difference.abs())
            # The tiny constant keeps the root's gradient finite when nothing is labelled.
            return (_mean_where(label > 0, difference.square()) + 1e-12).sqrt()


def _mean_where(valid: Tensor, values: Tensor) -> Tensor:
    """Mean of the valid elements; 0 with a graph when there are none."""
    # where() rather than a product: 0 * inf would bring the invalid elements back as NaN.
    kept = torch.where(valid, values, values.new_zeros(()))
    return kept.sum() / valid.sum().clamp(min=1)


def _cross_entropy(task: str, logits: Tensor, label: Tensor) -> Tensor:
    try:
        total = F.cross_entropy(logits, label, ignore_index=IGNORED, reduction="sum")
    except IndexError as error:
        raise UserError(
            f"A {task} label is outside 0..{logits.shape[1] - 1} (and not {IGNORED}, ignored): "
            f"set the task's channels to the number of classes of the data set. ({error})"
        ) from error
    return total / (label != IGNORED).sum().clamp(min=1)


def _balanced_cross_entropy(logits: Tensor, label: Tensor, weight: float | None) -> Tensor:
    valid = label != IGNORED
    positive = valid & (label >= 0.5)
    share: Tensor | float
    if weight is None:
        share = 1 - positive.sum() / valid.sum().clamp(min=1)
    else:
        share = weight
    target = positive.to(logits.dtype)
    balance = share * target + (1 - share) * (1 - target)
    pixel_loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return _mean_where(valid, balance * pixel_loss)
