"""Constant predictors against values worked out by hand."""

import numpy as np
import pytest

from m3vit.model.evaluation.baselines import LabelStatistics, commonest_class_miou, mean_depth_rmse


def test_commonest_class_of_the_training_set_is_scored_on_the_held_out_set() -> None:
    train = LabelStatistics.of([{"semseg": np.array([[1, 1, 0, 255]])}], classes=4)
    held_out = LabelStatistics.of([{"semseg": np.array([[1, 0, 0, 0]])}], classes=4)
    # Class 1 is commonest in training; it is 1/4 of the held-out pixels, mean over 4 classes.
    assert commonest_class_miou(train, held_out) == pytest.approx(0.25 / 4)


def test_mean_depth_ignores_pixels_without_measurement() -> None:
    train = LabelStatistics.of([{"depth": np.array([[[2.0, 4.0, 0.0]]])}], classes=0)
    held_out = LabelStatistics.of([{"depth": np.array([[[0.0, 3.0, 7.0]]])}], classes=0)
    assert mean_depth_rmse(train, held_out) == pytest.approx((((3 - 3) ** 2 + 4**2) / 2) ** 0.5)


def test_without_depth_there_is_no_mean() -> None:
    empty = LabelStatistics.of([{"depth": np.zeros((1, 2, 2))}], classes=0)
    with pytest.raises(ValueError, match="no depth label"):
        mean_depth_rmse(empty, empty)
