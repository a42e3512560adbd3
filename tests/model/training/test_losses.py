"""Losses against values worked out by hand."""

import math

import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.tasks import TASKS
from m3vit.model.training.losses import task_loss

LOG2 = math.log(2.0)


def test_cross_entropy_averages_over_labelled_pixels() -> None:
    # Two classes. Pixel 0: logits (0, 0) -> ln 2. Pixel 1: logits (0, ln 3), class 1 -> -ln 3/4.
    logits = torch.tensor([[[[0.0, 0.0, 9.0]], [[0.0, math.log(3.0), -9.0]]]])
    label = torch.tensor([[[0, 1, 255]]])
    expected = (LOG2 + math.log(4 / 3)) / 2
    assert task_loss("semseg", logits, label).item() == pytest.approx(expected, abs=1e-6)
    assert task_loss("human_parts", logits, label).item() == pytest.approx(expected, abs=1e-6)


def test_saliency_balances_by_the_share_of_negatives() -> None:
    # All logits 0 -> each pixel costs ln 2. One positive, three negatives: w = 3/4, so the
    # positive counts 3/4 and each negative 1/4; 255 counts for nothing. Mean over 4 pixels.
    label = torch.tensor([[[[1.0, 0.0, 0.0, 0.0, 255.0]]]])
    expected = (0.75 + 3 * 0.25) * LOG2 / 4
    assert task_loss("sal", torch.zeros(1, 1, 1, 5), label).item() == pytest.approx(expected)


def test_edges_use_the_fixed_weight() -> None:
    # logit ln 3: p = 3/4. Edge pixel costs 0.95 ln 4/3, the other 0.05 ln 4.
    logits = torch.full((1, 1, 1, 2), math.log(3.0))
    label = torch.tensor([[[[1.0, 0.0]]]])
    expected = (0.95 * math.log(4 / 3) + 0.05 * math.log(4)) / 2
    assert task_loss("edge", logits, label).item() == pytest.approx(expected, abs=1e-6)


def test_normals_are_compared_after_normalisation() -> None:
    # (0, 3, 4) -> (0, 0.6, 0.8) against (0, 0, 1): |.6| + |.2| over 3 components; the second
    # pixel has no label.
    logits = torch.tensor([0.0, 3.0, 4.0, 5.0, 5.0, 5.0]).view(2, 3).T.reshape(1, 3, 1, 2)
    label = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]).view(2, 3).T.reshape(1, 3, 1, 2)
    assert task_loss("normals", logits, label).item() == pytest.approx(0.8 / 3, abs=1e-6)


def test_depth_ignores_pixels_without_measurement() -> None:
    logits = torch.tensor([[[[1.0, 5.0, 7.0]]]])
    label = torch.tensor([[[[2.0, 2.0, 0.0]]]])
    assert task_loss("depth", logits, label).item() == pytest.approx((1 + 3) / 2)


def empty_label(task: str) -> torch.Tensor:
    """A label of 2 x 4 x 4 pixels in which nothing is labelled."""
    match TASKS[task].kind:
        case "classes":
            return torch.full((2, 4, 4), 255)
        case "mask":
            return torch.full((2, 1, 4, 4), 255.0)
        case "direction":
            return torch.zeros(2, 3, 4, 4)
        case "distance":
            return torch.zeros(2, 1, 4, 4)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_labelled_gives_zero_with_a_graph(task: str) -> None:
    logits = torch.randn(2, TASKS[task].channels, 4, 4, requires_grad=True)
    loss = task_loss(task, logits, empty_label(task))
    assert loss.item() == 0
    loss.backward()
    assert logits.grad is not None and torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("task", ["depth", "normals"])
def test_unlabelled_pixels_cannot_bring_infinities_in(task: str) -> None:
    logits = torch.zeros(1, TASKS[task].channels, 1, 2)
    logits[..., 1] = math.inf
    label = torch.zeros(1, TASKS[task].channels, 1, 2)
    label[:, -1, 0, 0] = 1.0
    assert torch.isfinite(task_loss(task, logits, label))


@pytest.mark.parametrize("task", TASKS)
def test_half_precision_logits_are_summed_in_float32(task: str) -> None:
    logits = torch.zeros(1, TASKS[task].channels, 4, 4, dtype=torch.bfloat16)
    label = torch.ones(1, TASKS[task].channels, 4, 4)
    if TASKS[task].kind == "classes":
        label = torch.ones(1, 4, 4, dtype=torch.int64)
    loss = task_loss(task, logits, label)
    assert loss.dtype == torch.float32 and torch.isfinite(loss)


def test_all_positive_saliency_costs_nothing() -> None:
    # w = 0 negatives / total: the positives' weight vanishes, as in the original.
    assert task_loss("sal", torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).item() == 0


def test_class_outside_the_channels_is_answered_with_the_remedy() -> None:
    with pytest.raises(UserError, match="number of classes"):
        task_loss("semseg", torch.zeros(1, 3, 1, 1), torch.tensor([[[3]]]))


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="do not match"):
        task_loss("depth", torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 4, 4))


def test_depth_by_the_root_of_the_mean_square() -> None:
    label = torch.tensor([[[[1.0, 5.0, 0.0]]]])
    logits = torch.tensor([[[[4.0, 1.0, 77.0]]]], requires_grad=True)
    loss = task_loss("depth", logits, label, distance="rmse")
    assert loss.item() == pytest.approx(12.5**0.5)
    empty = task_loss("depth", logits, torch.zeros_like(label), distance="rmse")
    empty.backward()
    assert empty.item() < 1e-5
    assert logits.grad is not None and bool((logits.grad == 0).all())
