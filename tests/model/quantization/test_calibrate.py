"""Ranges cover every image and every task, and what cannot be calibrated is refused."""

import numpy as np
import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.quantization.calibrate import calibrate


def test_no_images_are_refused(small_model):
    with pytest.raises(UserError, match="no calibration images"):
        calibrate(small_model, [])


@pytest.mark.parametrize("wrong", [np.zeros((48, 60, 3), np.uint8), np.zeros((48, 64, 3))])
def test_images_of_another_size_or_type_are_refused(small_model, wrong):
    with pytest.raises(UserError, match=r"takes uint8 \(48, 64, 3\)"):
        calibrate(small_model, [wrong])


def test_calibration_covers_all_tasks_and_all_images(small_model, smooth_images):
    whole = calibrate(small_model, smooth_images)
    assert whole.images == 12
    parts = [calibrate(small_model, [image]) for image in smooth_images]
    for name, high in whole.high.items():
        np.testing.assert_allclose(high, np.max([part.high[name] for part in parts], 0), rtol=1e-4)
    assert {"heads.semseg.output", "heads.depth.output"} <= set(whole.high)
    assert whole.high["layers.2.attention.query"].shape == (3,)


def test_broken_activations_are_named(small_config, randomised, smooth_images):
    model = randomised(ViTMoEForDensePrediction(small_config()))
    with torch.no_grad():
        model.vit.layers[0].mlp.fc1.bias[0] = float("inf")
    with pytest.raises(UserError, match="is not finite"):
        calibrate(model, smooth_images[:1])
