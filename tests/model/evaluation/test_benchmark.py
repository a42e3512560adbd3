import json

import pytest

from m3vit.model.evaluation import benchmark
from m3vit.model.quantization.dataset_images import dataset_images
from m3vit.model.quantization.quantize import quantize


@pytest.mark.slow
def test_the_reference_keeps_up_with_torch():
    report = benchmark.reference_over_torch(repeats=3)
    assert report["reference_over_torch"] == pytest.approx(
        report["reference_seconds"] / report["torch_seconds"]
    )
    assert 0 < report["reference_over_torch"] <= 3


def test_losses_are_relative_and_signed(float_directory, scenes_root, tmp_path, monkeypatch):
    monkeypatch.setenv("M3VIT_DATA", str(scenes_root))
    images = dataset_images("scenes", "train", 3, ["semseg", "depth"], (32, 48))
    quantize(float_directory, images, tmp_path / "int8")
    report = benchmark.accuracy_loss(float_directory, tmp_path / "int8", limit=2)
    json.dumps(report)
    miou, rmse = report["float_miou"], report["float_rmse"]
    assert report["int8_miou_relative_loss"] == pytest.approx(1 - report["int8_miou"] / miou)
    assert report["int8_rmse_relative_loss"] == pytest.approx(report["int8_rmse"] / rmse - 1)
    assert 0.5 < report["assignments_kept"] <= 1
    assert report["held_out_images"] == 2
