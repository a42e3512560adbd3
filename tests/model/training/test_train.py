"""Training on a tiny synthetic data set: exact resumption, artefacts, and how it stops."""

import csv
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor

from m3vit.errors import UserError
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.loading import load_dense_prediction
from m3vit.model.training import train as train_module
from m3vit.model.training import trainer
from m3vit.model.training.checkpoint import Checkpoint
from m3vit.model.training.recipe import Recipe, parse_recipe
from m3vit.model.training.train import train
from m3vit.model.training.training_log import LogRow, Metrics, TrainingProgress

HEIGHT, WIDTH = 16, 32


class Stripes(torch.utils.data.Dataset[dict[str, Any]]):
    """Two classes side by side; brighter is nearer. Augmented as a function of the epoch."""

    def __init__(self, split: str, tasks: list[str], images: int = 10) -> None:
        self.split, self.tasks, self.images, self.epoch = split, tasks, images, 0
        self.class_names = ["left", "right", "unused"]
        self.channels = {"semseg": 3, "depth": 1}
        self.image_size = (HEIGHT, WIDTH)
        self.mean, self.std = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]

    def __len__(self) -> int:
        return self.images

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        epoch = self.epoch if self.split == "train" else 0
        random = np.random.default_rng([index, epoch, len(self.split)])
        boundary = random.integers(8, 24)
        right = np.arange(WIDTH) >= boundary
        depth = np.where(right, 8.0, 2.0) * np.ones((1, HEIGHT, 1)) + random.normal(0, 0.1)
        pixels = np.repeat(1 / depth, 3, axis=0)
        sample = {
            "pixel_values": torch.tensor((pixels - 0.5) / 0.25, dtype=torch.float32),
            "semseg": np.broadcast_to(right, (HEIGHT, WIDTH)).astype(np.int64),
            "depth": depth.astype(np.float32),
            "name": f"{self.split}-{index}",
        }
        return {k: v for k, v in sample.items() if k in ("pixel_values", "name", *self.tasks)}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than these small products."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def synthetic_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_dataset(
        name: str,
        split: str,
        root: Path | None,
        tasks: list[str],
        image_size: list[int],
        augment: bool = True,
    ) -> Stripes:
        assert name == "stripes" and root is None and image_size == [HEIGHT, WIDTH]
        return Stripes(split, tasks)

    monkeypatch.setattr(train_module, "open_dataset", open_dataset)


def recipe(**changes: Any) -> Recipe:
    """A run of 8 steps, 4 per epoch; `section__field=value` changes it."""
    values: dict[str, dict[str, Any]] = {
        "model": {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "moe_intermediate_size": 16,
            "num_experts": 4,
            "patch_size": 8,
            "router_noise_std": 1.0,
            "hidden_dropout_prob": 0.1,
            "final_layernorm": False,
        },
        "data": {
            "name": "stripes",
            "tasks": ["semseg", "depth"],
            "image_size": [HEIGHT, WIDTH],
        },
        "optim": {"name": "adamw", "learning_rate": 0.01, "max_grad_norm": 1.0},
        "schedule": {"name": "cosine", "epochs": 2, "warmup_steps": 1},
        "run": {"batch_size": 2, "log_every": 2, "evaluate_every": 4, "seed": 7},
    }
    values["run"]["checkpoint_every"] = 2
    values["data"]["train_images"] = 9  # drop_last leaves 4 batches of 2
    for path, value in changes.items():
        section, field = path.split("__")
        if value is None:
            values[section].pop(field, None)
        else:
            values.setdefault(section, {})[field] = value
    return parse_recipe(values)


class StopAfter(TrainingProgress):
    """Sends this process SIGINT once a number of steps is done, and remembers the events."""

    def __init__(self, step: int | None = None) -> None:
        self.stop = step
        self.rows: list[LogRow] = []
        self.evaluations: list[tuple[int, Metrics]] = []
        self.steps: list[int] = []

    def stepped(self, step: int) -> None:
        self.steps.append(step)
        if step == self.stop:
            signal.raise_signal(signal.SIGINT)

    def logged(self, row: LogRow) -> None:
        self.rows.append(row)

    def evaluated(self, step: int, metrics: Metrics) -> None:
        self.evaluations.append((step, metrics))


def weights(output: Path) -> dict[str, torch.Tensor]:
    return load_dense_prediction(output / "model").state_dict()


def rows_without_time(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in r.items() if k not in ("seconds", "images_per_second")} for r in rows]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optim__name": "sgd", "schedule__name": "poly"},
        {"run__gradient_accumulation": 3, "schedule__epochs": 3},
        {"run__mixed_precision": "bf16"},
        {"run__mixed_precision": "fp16"},
        {"run__workers": 1},
    ],
    ids=["adamw", "sgd", "accumulation", "bf16", "fp16", "workers"],
)
@pytest.mark.parametrize("stop", [3, 4])
def test_resuming_gives_the_very_weights_and_log(
    tmp_path: Path, changes: dict[str, Any], stop: int
) -> None:
    plan = recipe(**changes)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(plan, whole).finished

    interrupted = train(plan, parts, progress=StopAfter(stop))
    assert (interrupted.finished, interrupted.step) == (False, stop)
    assert not (parts / "model").exists()
    torch.manual_seed(99)  # what happened in between does not matter
    resumed = train(plan, parts, resume=True)
    assert resumed.finished and resumed.step == resumed.steps

    expected, actual = weights(whole), weights(parts)
    assert expected.keys() == actual.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, actual[name]), name
    assert rows_without_time(whole / "log.csv") == rows_without_time(parts / "log.csv")
    assert (whole / "metrics.csv").read_text() == (parts / "metrics.csv").read_text()


def test_a_run_that_was_killed_resumes_from_its_last_checkpoint(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    class Kill(TrainingProgress):
        def stepped(self, step: int) -> None:
            if step == 7:  # the log has rows up to 6, the checkpoint is of step 6
                raise KilledError

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe(run__checkpoint_every=4), whole)
    with pytest.raises(KilledError):
        train(recipe(run__checkpoint_every=4), parts, progress=Kill())
    assert Checkpoint.load(parts / "checkpoints" / "last.pt").step == 4
    assert rows_without_time(parts / "log.csv")[-1]["step"] == "6"
    train(recipe(run__checkpoint_every=4), parts, resume=True)
    expected = weights(whole)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(parts).items())
    assert rows_without_time(whole / "log.csv") == rows_without_time(parts / "log.csv")


def test_artefacts(tmp_path: Path) -> None:
    progress = StopAfter()
    result = train(recipe(), tmp_path / "run", progress=progress)
    assert progress.steps == list(range(1, 9)) and [r.step for r in progress.rows] == [2, 4, 6, 8]
    assert [step for step, _ in progress.evaluations] == [4, 8]
    assert set(progress.rows[0].task_losses) == {"semseg", "depth"}

    network = ViTMoEForDensePrediction.from_pretrained(tmp_path / "run" / "model")
    assert network.config.class_names == ["left", "right", "unused"]
    assert network.config.task_channels == {"semseg": 3, "depth": 1}
    processor = AutoImageProcessor.from_pretrained(tmp_path / "run" / "model")
    image = np.full((40, 50, 3), 255, dtype=np.uint8)
    prepared = processor(image, return_tensors="pt")["pixel_values"]
    assert prepared.shape == (1, 3, HEIGHT, WIDTH)
    assert torch.allclose(prepared, torch.tensor(2.0))

    summary = json.loads((tmp_path / "run" / "training.json").read_text())
    assert summary["metrics"] == result.metrics and summary["steps"] == 8
    # Constant answers: "right" has the larger share, and depth is 2 or 8 metres.
    assert 0 < summary["baselines"]["semseg"] <= 1 / 3
    assert 1 < summary["baselines"]["depth"] < 4
    assert parse_recipe(summary["recipe"]) == recipe()
    assert (tmp_path / "run" / "recipe.toml").read_text() == recipe().as_toml()
    names = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert names == {"last.pt", "best.pt"}
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_training_learns(tmp_path: Path) -> None:
    result = train(recipe(schedule__epochs=25, run__evaluate_every=100), tmp_path / "run")
    summary = json.loads((tmp_path / "run" / "training.json").read_text())
    assert result.metrics["semseg"]["miou"] > 1.5 * summary["baselines"]["semseg"]
    assert result.metrics["depth"]["rmse"] < 0.5 * summary["baselines"]["depth"]


def test_the_best_weights_can_be_kept(tmp_path: Path) -> None:
    # A learning rate that ruins the weights after the first evaluation.
    plan = recipe(run__keep="best", run__evaluate_every=1, optim__learning_rate=3.0)
    train(plan, tmp_path / "run")
    summary = json.loads((tmp_path / "run" / "training.json").read_text())
    best = torch.load(tmp_path / "run" / "checkpoints" / "best.pt", weights_only=True)
    kept = weights(tmp_path / "run")
    assert all(torch.equal(tensor, kept[name]) for name, tensor in best.items())
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = [
            row for row in csv.DictReader(file) if row["step"] == str(summary["weights_of_step"])
        ]
    for row in rows:
        measured = summary["metrics"][row["task"]][row["metric"]]
        assert float(row["value"]) == pytest.approx(measured, rel=1e-5)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    class Poison(TrainingProgress):
        def saved(self, path: Path) -> None:
            if Checkpoint.load(path).step == 4:
                monkey.setattr(Stripes, "__getitem__", poisoned)

    healthy = Stripes.__getitem__

    def poisoned(self: Stripes, index: int) -> dict[str, Any]:
        sample = healthy(self, index)
        sample["depth"] = sample["depth"] * np.float32("inf")
        return sample

    with pytest.MonkeyPatch.context() as monkey, pytest.raises(UserError) as caught:
        train(recipe(), tmp_path / "run", progress=Poison())
    assert "not finite at step" in str(caught.value) and "learning_rate" in str(caught.value)
    assert "depth inf" in str(caught.value)
    assert Checkpoint.load(tmp_path / "run" / "checkpoints" / "last.pt").step >= 4
    assert train(recipe(), tmp_path / "run", resume=True).finished


def test_a_second_run_does_not_overwrite_the_first(tmp_path: Path) -> None:
    train(recipe(schedule__epochs=1), tmp_path / "run")
    with pytest.raises(UserError, match="already holds a run"):
        train(recipe(schedule__epochs=1), tmp_path / "run")


def test_resuming_needs_a_checkpoint_and_the_same_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to resume"):
        train(recipe(), tmp_path / "run", resume=True)
    train(recipe(), tmp_path / "run", progress=StopAfter(2))
    with pytest.raises(UserError, match=r"optim\.learning_rate = 0\.01, not 0\.5"):
        train(recipe(optim__learning_rate=0.5), tmp_path / "run", resume=True)
    last = tmp_path / "run" / "checkpoints" / "last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"last\.pt is damaged"):
        train(recipe(), tmp_path / "run", resume=True)


def test_fine_tuning_starts_from_the_given_weights(tmp_path: Path) -> None:
    train(recipe(schedule__epochs=1), tmp_path / "first")
    model = str(tmp_path / "first" / "model")
    plan = recipe(run__init_from=model, optim__learning_rate=1e-12, schedule__epochs=1)
    train(plan, tmp_path / "second")
    first = weights(tmp_path / "first")
    for name, tensor in weights(tmp_path / "second").items():
        torch.testing.assert_close(tensor, first[name], rtol=0, atol=1e-9)
    with pytest.raises(UserError, match="does not fit"):
        train(recipe(run__init_from=model, model__hidden_size=32), tmp_path / "third")
    with pytest.raises(UserError, match=r"no config\.json"):
        train(recipe(run__init_from=str(tmp_path)), tmp_path / "fourth")


def test_quantisation_aware_training_resumes_and_leaves_a_plain_float_model(
    tmp_path: Path,
) -> None:
    train(recipe(), tmp_path / "float")
    start = tmp_path / "float" / "model"
    plan = recipe(run__init_from=str(start), schedule__epochs=1, optim__learning_rate=1e-3)
    train(plan, tmp_path / "whole", qat=True)
    assert not train(plan, tmp_path / "parts", qat=True, progress=StopAfter(2)).finished
    train(plan, tmp_path / "parts", resume=True, qat=True)
    before, after = weights(tmp_path / "float"), weights(tmp_path / "whole")
    assert before.keys() == after.keys()
    assert not torch.equal(
        before["vit.layers.1.mlp.experts.up_proj"], after["vit.layers.1.mlp.experts.up_proj"]
    )
    parts = weights(tmp_path / "parts")
    assert all(torch.equal(tensor, parts[name]) for name, tensor in after.items())
    ranges = [
        load_dense_prediction(tmp_path / name / "model").config.activation_ranges
        for name in ("whole", "parts")
    ]
    assert ranges[0] == ranges[1] and "layers.1.mlp.hidden" in ranges[0]


def test_quantisation_aware_training_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run\.init_from"):
        train(recipe(), tmp_path / "run", qat=True)


def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lower run\.batch_size"):
        train(recipe(run__batch_size=64), tmp_path / "run")


def test_precision_that_the_device_lacks_is_answered_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: Any) -> None:
        raise ValueError(f"{options['mixed_precision']} needs another device")

    monkeypatch.setattr(trainer, "Accelerator", refuse)
    with pytest.raises(UserError, match=r"run\.mixed_precision bf16 does not work here"):
        train(recipe(run__mixed_precision="bf16"), tmp_path / "run")
