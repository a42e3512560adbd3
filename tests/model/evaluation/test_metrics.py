"""Meters against values worked out by hand."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from m3vit.errors import UserError
from m3vit.model.evaluation.metrics import ClassMeter, task_meter
from m3vit.model.tasks import TASKS


def one_hot(classes: Tensor, channels: int) -> Tensor:
    """Logits (B, C, H, W) whose argmax is `classes` (B, H, W)."""
    return torch.nn.functional.one_hot(classes, channels).movedim(-1, 1).float()


def test_miou_counts_absent_classes_as_zero_and_ignores_255() -> None:
    meter = task_meter("semseg", 4)
    # Class 0: 2 hits, 1 miss, 1 false -> 2/4. Class 1: 1 hit, 1 false, 1 miss -> 1/3.
    # Classes 2 and 3 are absent -> 0. Split over two updates.
    meter.update(one_hot(torch.tensor([[[0, 0, 1]]]), 4), torch.tensor([[[0, 0, 0]]]))
    meter.update(one_hot(torch.tensor([[[0, 1, 2]]]), 4), torch.tensor([[[1, 1, 255]]]))
    result = meter.compute()
    assert result["miou"] == pytest.approx((2 / 4 + 1 / 3) / 4)
    assert result["pixel_accuracy"] == pytest.approx(3 / 5)


def test_a_label_beyond_the_classes_is_the_users_mistake() -> None:
    meter = ClassMeter(3)
    with pytest.raises(UserError, match="holds class 7 but the model has 3"):
        meter.update(torch.zeros(1, 3, 1, 1), torch.tensor([[[7]]]))


def test_human_parts_skip_images_without_persons() -> None:
    meter = task_meter("human_parts", 7)
    label = torch.tensor([[[0, 0, 255]], [[0, 1, 255]]])
    wrong_on_first = torch.tensor([[[3, 3, 3]], [[0, 1, 1]]])
    meter.update(one_hot(wrong_on_first, 7), label)
    assert meter.compute()["miou"] == pytest.approx(2 / 7)


def logit(probability: float) -> float:
    """Inverse of the sigmoid."""
    return math.log(probability / (1 - probability))


def test_saliency_takes_the_best_threshold_of_the_mean() -> None:
    meter = task_meter("sal", 1)
    # Image 1: truth 1 1 0 0, probabilities .95 .55 .45 .05. Best between .45 and .55: exact.
    # Image 2: truth 1 0 0 255, probabilities .95 .6 .05 .95: exact from .6 on, 1/2 below.
    # At .50: (1 + 1/2) / 2 = .75; at .65: (1/2 + 1) / 2 = .75; at .25: (2/3 + 1/2) / 2.
    first, second = [0.95, 0.55, 0.45, 0.05], [0.95, 0.6, 0.05, 0.95]
    logits = torch.tensor([[logit(p) for p in image] for image in (first, second)])
    label = torch.tensor([[1.0, 1, 0, 0], [1, 0, 0, 255]])
    meter.update(logits.view(2, 1, 1, 4), label.view(2, 1, 1, 4))
    result = meter.compute()
    assert result["max_jaccard"] == pytest.approx(0.75)
    # At .50: precision (1 + 1/2) / 2, recall 1 -> F = 2 * .75 / 1.75; at .65: the mirror image.
    assert result["max_f"] == pytest.approx(1.5 / 1.75)


def test_saliency_of_two_empty_masks_is_perfect_and_of_one_empty_mask_zero() -> None:
    meter = task_meter("sal", 1)
    meter.update(torch.full((1, 1, 2, 2), -9.0), torch.zeros(1, 1, 2, 2))
    assert meter.compute() == {"max_jaccard": 1.0, "max_f": 1.0}
    meter.reset()
    meter.update(torch.full((1, 1, 2, 2), -9.0), torch.ones(1, 1, 2, 2))
    assert meter.compute() == {"max_jaccard": 0.0, "max_f": 0.0}


def test_angles_between_normals() -> None:
    meter = task_meter("normals", 3)
    # Angles 0, 20, 40 degrees (unnormalised predictions) and one unlabelled pixel.
    angles = torch.tensor([0.0, 20.0, 40.0]).deg2rad()
    predicted = torch.zeros(1, 3, 1, 4)
    predicted[0, 0, 0, :3], predicted[0, 2, 0, :3] = 5 * angles.sin(), 5 * angles.cos()
    label = torch.zeros(1, 3, 1, 4)
    label[0, 2, 0, :3] = 1
    meter.update(predicted, label)
    result = meter.compute()
    assert result["mean_angle"] == pytest.approx(20, abs=1e-4)
    assert result["median_angle"] == pytest.approx(20, abs=0.01)
    assert result["rmse_angle"] == pytest.approx(math.sqrt((400 + 1600) / 3), abs=1e-4)
    assert [result[f"below_{limit}"] for limit in ("11.25", "22.5", "30")] == pytest.approx(
        [1 / 3, 2 / 3, 2 / 3]
    )


def test_opposite_normals_are_180_degrees_apart() -> None:
    meter = task_meter("normals", 3)
    up = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1)
    meter.update(-up, up)
    assert meter.compute()["mean_angle"] == pytest.approx(180)


def test_edges_within_the_tolerance_count() -> None:
    # 128 x 256: diagonal 286.2, tolerance 2 pixels. A line predicted 2 columns off is right, a
    # second one 3 columns off another true line is not.
    meter = task_meter("edge", 1)
    label, probability = torch.zeros(1, 1, 128, 256), torch.full((1, 1, 128, 256), 0.01)
    label[..., 50], probability[..., 52] = 1, 0.9
    label[..., 150], probability[..., 153] = 1, 0.9
    meter.update(torch.logit(probability), label)
    assert meter.compute()["dilation_f"] == pytest.approx(0.5)


def test_nothing_predicted_scores_zero_edges() -> None:
    meter = task_meter("edge", 1)
    meter.update(torch.full((1, 1, 8, 8), -20.0), torch.ones(1, 1, 8, 8))
    assert meter.compute()["dilation_f"] == 0


def test_depth_pools_pixels_and_clamps_predictions() -> None:
    meter = task_meter("depth", 1)
    meter.update(torch.tensor([[[[3.0, 9.0]]]]), torch.tensor([[[[1.0, 0.0]]]]))
    meter.update(torch.tensor([[[[2.0, 5.0, -4.0]]]]), torch.tensor([[[[2.0, 4.0, 1.0]]]]))
    result = meter.compute()
    assert result["rmse"] == pytest.approx(math.sqrt((4 + 0 + 1 + 1) / 4), rel=1e-6)
    logs = [math.log(3), 0, math.log(5 / 4), math.log(1e-9)]
    assert result["log_rmse"] == pytest.approx(math.sqrt(sum(e * e for e in logs) / 4), rel=1e-6)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_depth_without_labels_is_not_a_number() -> None:
    meter = task_meter("depth", 1)
    meter.update(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    assert math.isnan(meter.compute()["rmse"])


def label_of(task: str) -> Tensor:
    """A small random label of two images."""
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(2, 3, 8, 8, generator=generator)
    match TASKS[task].kind:
        case "classes":
            return (random[:, 0] * 3).long()
        case "mask":
            return (random[:, :1] > 0.5).float()
        case "direction":
            return torch.nn.functional.normalize(random, dim=1)
        case "distance":
            return random[:, :1] * 10


@pytest.mark.parametrize("task", TASKS)
def test_arrays_tensors_and_batch_sizes_give_equal_numbers(task: str) -> None:
    channels = TASKS[task].channels
    logits = torch.randn(2, channels, 8, 8, generator=torch.Generator().manual_seed(1))
    label = label_of(task)
    whole, pieces = task_meter(task, channels), task_meter(task, channels)
    whole.update(logits.numpy(), label.numpy())
    for index in range(2):
        pieces.update(logits[index : index + 1], label[index : index + 1])
    assert whole.compute() == pytest.approx(pieces.compute())
    assert TASKS[task].metric in whole.compute()


@pytest.mark.parametrize("task", TASKS)
def test_reset_forgets(task: str) -> None:
    channels = TASKS[task].channels
    logits = torch.randn(2, channels, 8, 8, generator=torch.Generator().manual_seed(1))
    meter = task_meter(task, channels)
    meter.update(-logits, label_of(task))
    meter.compute()
    meter.reset()
    meter.update(logits, label_of(task))
    fresh = task_meter(task, channels)
    fresh.update(logits, label_of(task))
    assert meter.compute() == fresh.compute()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="do not match"):
        task_meter("depth", 1).update(np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 4, 4)))
