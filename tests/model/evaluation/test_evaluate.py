"""Evaluation of float and compiled models on a data set small enough to check by hand."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.evaluation import evaluate as evaluate_module
from m3vit.model.evaluation.evaluate import evaluate
from m3vit.model.evaluation.predictors import CompiledPredictor
from m3vit.model.loading import load_dense_prediction
from m3vit.model.quantization.quantize import quantize

MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.25, 0.5]


class Levels(torch.utils.data.Dataset[dict[str, Any]]):
    """Image i of 8 x 16 pixels: class i mod 2 everywhere, depth i + 1, eight-bit pixels."""

    def __init__(self, split: str, tasks: list[str]) -> None:
        self.images = {"train": 5, "val": 4, "empty": 0}[split]
        self.tasks, self.class_names, self.image_size = tasks, ["even", "odd"], (8, 16)
        self.channels = {"semseg": 2, "depth": 1}
        self.mean, self.std = MEAN, STD

    def __len__(self) -> int:
        return self.images

    def image(self, index: int) -> NDArray[np.uint8]:
        return np.random.default_rng(index).integers(0, 256, (8, 16, 3), dtype=np.uint8)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pixels = (self.image(index) / 255 - MEAN) / STD
        return {
            "pixel_values": pixels.transpose(2, 0, 1).astype(np.float32),
            "semseg": np.full((8, 16), index % 2, dtype=np.int64),
            "depth": np.full((1, 8, 16), index + 1, dtype=np.float32),
        }


@pytest.fixture(autouse=True)
def hand_made_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_dataset(
        name: str,
        split: str,
        root: Path | None,
        tasks: list[str],
        image_size: list[int],
        augment: bool,
    ) -> Levels:
        assert name == "levels" and image_size == [8, 16] and not augment
        return Levels(split, tasks)

    monkeypatch.setattr(evaluate_module, "open_dataset", open_dataset)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A float model that answers class 1 and 2 metres whatever it sees."""
    config = ViTMoEConfig(
        image_size=[8, 16],
        patch_size=8,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        moe_layers=[],
        tasks=["semseg", "depth"],
        task_channels={"semseg": 2, "depth": 1},
        image_mean=MEAN,
        image_std=STD,
    )
    network = ViTMoEForDensePrediction(config)
    with torch.no_grad():
        for head, bias in (("semseg", [0.0, 1.0]), ("depth", [2.0])):
            projection = network.heads[head].projection
            projection.weight.zero_()
            projection.bias.copy_(torch.tensor(bias))
    network.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_float_model_and_its_baselines(model: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = evaluate(model, "levels", batch_size=3, progress=lambda *done: seen.append(done))
    # Class 1 is right on half of the pixels: IoU 1/2 and 0. Depths 1..4 against 2.
    assert report.metrics["semseg"]["miou"] == pytest.approx(0.25)
    assert report.metrics["depth"]["rmse"] == pytest.approx(np.sqrt((1 + 0 + 1 + 4) / 4))
    # Training: class 0 is commonest (3 of 5), mean depth 3.
    assert report.baselines == {
        "semseg": pytest.approx(0.25),
        "depth": pytest.approx(np.sqrt((4 + 1 + 0 + 1) / 4)),
    }
    assert (report.images, report.backend) == (4, "torch") and seen == [(3, 4), (4, 4)]
    assert report.provenance.startswith("measured on 4 held-out images of levels (val)")
    json.dumps(report.as_dict())


def test_a_limit_takes_evenly_spread_images_and_tasks_can_be_chosen(model: Path) -> None:
    report = evaluate(model, "levels", tasks=["depth"], limit=2)
    assert report.images == 2 and set(report.metrics) == {"depth"}
    assert report.metrics["depth"]["rmse"] == pytest.approx(np.sqrt((1 + 1) / 2))  # images 0, 2


class Echo:
    """An accelerator whose "depth" is the red level that it was handed."""

    def __init__(self, compiled: Any, backend: str) -> None:
        assert backend == "reference"

    def run(self, image: NDArray[np.uint8], task: str) -> types.SimpleNamespace:
        assert image.dtype == np.uint8 and image.shape == (8, 16, 3) and task == "depth"
        return types.SimpleNamespace(prediction=lambda: image[None, :, :, 0].astype(np.float32))


def test_a_compiled_model_gets_the_eight_bit_pixels_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = types.SimpleNamespace(
        tasks=(types.SimpleNamespace(name="depth", channels=1),), image_size=(8, 16)
    )
    loader = types.SimpleNamespace(load=lambda path: compiled)
    replaced = {
        "m3vit.host.accelerator": {"Accelerator": Echo},
        "m3vit.model.compiled": {"CompiledModel": loader},
    }
    for name, contents in replaced.items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    (tmp_path / "manifest.json").write_text("{}")

    predictor = CompiledPredictor(tmp_path, "reference")
    held_out = Levels("val", ["depth"])
    predictor.prepare(held_out, ["depth"])
    sample = torch.as_tensor(held_out[0]["pixel_values"])[None]
    red = predictor(sample)["depth"][0, 0].numpy()
    np.testing.assert_array_equal(red, held_out.image(0)[:, :, 0])

    report = evaluate(tmp_path, "levels")
    assert report.backend == "reference" and set(report.metrics) == {"depth"}


def test_what_does_not_fit_together_is_answered_with_the_remedy(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        evaluate(model.parent, "levels")
    with pytest.raises(UserError, match="has no task normals"):
        evaluate(model, "levels", tasks=["normals"])
    with pytest.raises(UserError, match="Unknown task"):
        evaluate(model, "levels", tasks=["deph"])
    with pytest.raises(UserError, match="No task was named"):
        evaluate(model, "levels", tasks=[])
    with pytest.raises(UserError, match="holds no image"):
        evaluate(model, "levels", split="empty")
    with pytest.raises(UserError, match="quantise it first"):
        evaluate(model, "levels", backend="reference")
    monkeypatch.setitem(globals(), "MEAN", [0.0, 0.0, 0.0])
    with pytest.raises(UserError, match="normalises with mean"):
        evaluate(model, "levels")


def test_a_model_whose_tensors_do_not_fit_is_refused(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["num_hidden_layers"] = 2
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"lacks tensor 'vit\.layers\.1"):
        load_dense_prediction(model)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be read"):
        load_dense_prediction(model)


def test_integers_score_like_the_float_model(model: Path, tmp_path: Path) -> None:
    held_out = Levels("val", ["depth"])
    quantize(model, [held_out.image(index) for index in range(4)], tmp_path / "compiled")
    measured, expected = (evaluate(path, "levels") for path in (tmp_path / "compiled", model))
    assert (measured.backend, measured.images) == ("reference", 4)
    assert measured.baselines == expected.baselines
    for task, numbers in expected.metrics.items():
        assert measured.metrics[task] == pytest.approx(numbers, rel=0.01)
