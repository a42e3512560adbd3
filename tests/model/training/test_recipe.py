"""Recipes: the shipped ones, every kind of mistake, overrides, and the written copy."""

from pathlib import Path
from typing import Any

import pytest

from m3vit.errors import UserError
from m3vit.model.training.recipe import load_recipe, parse_recipe, recipe_names


def minimal() -> dict[str, Any]:
    """The shortest recipe."""
    return {
        "data": {"name": "scenes", "tasks": ["depth", "semseg"], "image_size": [32, 64]},
        "optim": {"name": "adamw", "learning_rate": 1e-3},
        "schedule": {"name": "cosine", "steps": 10},
        "run": {"batch_size": 2},
    }


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_valid_and_survive_being_written(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    copy = tmp_path / "copy.toml"
    copy.write_text(recipe.as_toml())
    assert load_recipe(copy) == recipe


@pytest.mark.parametrize(
    ("name", "size", "width", "rate", "batch", "weights"),
    [
        ("nyud_small", [480, 640], 384, 2e-3, 8, {"semseg": 1, "depth": 1}),
        (
            "pascal_small",
            [512, 512],
            384,
            2e-3,
            8,
            {"semseg": 1, "human_parts": 2, "sal": 5, "normals": 10, "edge": 50},
        ),
        ("cityscapes_tiny", [128, 256], 192, 1e-3, 4, {"semseg": 1, "depth": 1}),
    ],
)
def test_published_hyper_parameters(
    name: str, size: list[int], width: int, rate: float, batch: int, weights: dict[str, float]
) -> None:
    recipe = load_recipe(name)
    assert recipe.data.image_size == size and recipe.run.batch_size == batch
    assert (recipe.optim.name, recipe.optim.momentum, recipe.optim.weight_decay) == (
        "sgd",
        0.9,
        1e-4,
    )
    assert recipe.optim.learning_rate == rate
    assert (recipe.schedule.name, recipe.schedule.power, recipe.schedule.epochs) == (
        "poly",
        0.9,
        100,
    )
    assert recipe.loss.task_weights == weights and recipe.loss.aux_weight == 0.01
    network = recipe.network(dict.fromkeys(weights, 1))
    assert network.hidden_size == width and network.intermediate_size == 4 * width
    assert network.moe_intermediate_size == 2 * width and network.num_experts == 16
    assert network.num_experts_per_tok == 2 and network.moe_layers == [1, 3, 5, 7, 9, 11]
    assert network.head_type == "upsampling" and network.router_type == "multi_gate"


def test_single_task_baselines_differ_from_nano_only_in_tasks_and_experts() -> None:
    nano = load_recipe("nano").as_dict()
    for task in ("semseg", "depth"):
        single = load_recipe(f"nano_{task}").as_dict()
        assert single["data"]["tasks"] == [task] and single["model"]["moe_layers"] == []
        for section in ("data", "optim", "schedule", "run"):
            assert {**nano[section], "tasks": None} == {**single[section], "tasks": None}
        for name, value in single["model"].items():
            assert name == "moe_layers" or nano["model"][name] == value


def test_tasks_are_put_in_the_canonical_order_and_weights_reach_the_network() -> None:
    values = minimal()
    values["loss"] = {"task_weights": {"depth": 0.5}, "aux_weight": 0.25}
    recipe = parse_recipe(values)
    assert recipe.data.tasks == ["semseg", "depth"]
    network = recipe.network({"semseg": 5, "depth": 1}, class_names=list("abcde"))
    assert network.task_weights == {"semseg": 1.0, "depth": 0.5}
    assert network.router_aux_loss_coef == 0.25
    assert network.task_channels == {"semseg": 5, "depth": 1}


@pytest.mark.parametrize(
    ("section", "name", "value", "words"),
    [
        ("optim", "learning_rte", 1.0, "unknown field optim.learning_rte: did you mean learning_r"),
        ("optim", "learning_rate", -1.0, "optim.learning_rate should be greater than 0, got -1.0"),
        ("optim", "learning_rate", float("nan"), "optim.learning_rate should be a finite number"),
        ("optim", "learning_rate", "fast", "optim.learning_rate should be a valid number, got 'f"),
        ("optim", "name", "adam", "optim.name should be 'sgd', 'adamw' or 'muon', got 'adam'"),
        ("run", "batch_size", 2.5, "run.batch_size should be a valid integer"),
        ("run", "batch_size", True, "run.batch_size should be a valid integer"),
        ("run", "mixed_precision", "fp8", "run.mixed_precision should be"),
        ("schedule", "epochs", 3, "schedule: give either epochs or steps"),
        ("schedule", "warmup_steps", 10, "schedule: warmup_steps must be below steps 10"),
        ("data", "tasks", ["dept"], "data.tasks: Unknown task 'dept': did you mean 'depth'"),
        ("data", "image_size", [32], "data.image_size"),
        ("data", "image_size", [32, 0], "data.image_size.1 should be greater than 0"),
        ("data", "image_size", [30, 64], "model: image_size 30x64 is not a multiple of patch"),
        ("model", "hidden_sze", 64, "unknown field model.hidden_sze: did you mean hidden_size?"),
        ("model", "tasks", ["depth"], "model.tasks is decided by data.tasks: drop it"),
        ("model", "hidden_size", "wide", "expected int, got str"),
        ("model", "num_experts_per_tok", 99, "num_experts_per_tok 99 must lie between"),
        ("loss", "task_weights", {"sal": 1.0}, "loss.task_weights names sal, which is not in"),
        ("misc", "x", 1, "unknown field misc"),
    ],
)
def test_mistakes_are_one_sentence_with_field_and_remedy(
    section: str, name: str, value: Any, words: str
) -> None:
    values = minimal()
    values.setdefault(section, {})[name] = value
    with pytest.raises(UserError) as caught:
        parse_recipe(values, "my.toml")
    sentence = str(caught.value)
    assert sentence.startswith("my.toml: ") and sentence.endswith(".") and "\n" not in sentence
    assert words in sentence


def test_a_missing_field_is_named() -> None:
    values = minimal()
    del values["optim"]["learning_rate"]
    with pytest.raises(UserError, match=r"optim\.learning_rate is missing: add it"):
        parse_recipe(values)


def test_overrides_are_toml_values_or_bare_strings() -> None:
    recipe = load_recipe(
        parse_recipe(minimal()),
        [
            "optim.learning_rate=2e-4",
            "run.mixed_precision=bf16",
            "data.tasks=['depth']",
            "model.hidden_size = 96",
            "data.options.count=3",
        ],
    )
    assert recipe.optim.learning_rate == 2e-4 and recipe.run.mixed_precision == "bf16"
    assert recipe.data.tasks == ["depth"] and recipe.data.options == {"count": 3}
    assert recipe.model == {"hidden_size": 96}


@pytest.mark.parametrize(
    "override", ["optim.learning_rate", "learning_rate=1", "optim.name.x=1", ".x=1", ""]
)
def test_malformed_overrides_are_refused(override: str) -> None:
    with pytest.raises(UserError, match="override"):
        load_recipe(parse_recipe(minimal()), [override])


def test_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="nano"):
        load_recipe("nanno")


def test_broken_toml_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b"[data\nname = \xff")
    with pytest.raises(UserError, match=r"r\.toml is not valid TOML"):
        load_recipe(path)
