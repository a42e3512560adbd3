import json
from pathlib import Path

import pytest

RECIPE = """
[model]
hidden_size = 24
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 32
moe_intermediate_size = 16
num_experts = 4
patch_size = 8
head_patch_grid = 2
final_layernorm = false

[data]
name = "scenes"
root = "{root}"
tasks = ["semseg", "depth"]
image_size = [32, 48]

[optim]
name = "adamw"
learning_rate = 1e-3

[schedule]
name = "cosine"
steps = 2

[run]
batch_size = 2
log_every = 1
evaluate_every = 2
checkpoint_every = 1
"""


@pytest.fixture
def recipe(scenes_root, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(root=scenes_root))
    return path


def test_train_then_evaluate(m3vit, recipe, scenes_root, tmp_path):
    run = tmp_path / "run"
    result = m3vit("train", recipe, "-o", run, "--set", "run.batch_size=1")
    assert "finished after 2 of 2 steps" in result.stdout
    assert "miou" in result.stdout
    options = ("--root", scenes_root, "--tasks", "semseg", "depth", "--json", tmp_path / "e.json")
    result = m3vit("evaluate", run / "model", *options)
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["images"] == 3
    assert set(report["metrics"]) == {"semseg", "depth"}
    for word in ("measured on 3 held-out images", "constant answer", "rmse"):
        assert word in result.stdout


def test_a_compiled_model_is_evaluated_through_its_backend(
    m3vit, compiled_directory, scenes_root, tmp_path
):
    options = ("--root", scenes_root, "--limit", 1, "--tasks", "depth", "--json")
    m3vit("evaluate", compiled_directory, *options, tmp_path / "e.json")
    report = json.loads((tmp_path / "e.json").read_text())
    assert (report["backend"], report["images"], list(report["metrics"])) == (
        "reference",
        1,
        ["depth"],
    )


def test_mistakes_are_answered_in_a_sentence(refused, recipe, float_directory, tmp_path):
    output = tmp_path / "run"
    assert "recipe" in refused("train", "no-such-recipe", "-o", output)
    refused("train", recipe, "-o", output, "--set", "run.batch_size=many")
    refused("train", recipe, "-o", output, "--set", "run.colour=red")
    refused("train", recipe, "-o", output, "--resume")
    assert "no task 'flow'" in refused("evaluate", float_directory, "--tasks", "flow")
    refused("evaluate", float_directory, "--data", "imagenet")
    refused("evaluate", float_directory, "--backend", "csim")
    refused("evaluate", float_directory, "--root", tmp_path)
    assert not output.exists()


def test_scenes_are_rendered_into_a_directory(m3vit, refused, tmp_path, monkeypatch):
    m3vit("scenes", 1, "-o", tmp_path / "scenes", "--seed", 3, "--workers", 1)
    assert (tmp_path / "scenes" / "scenes.json").exists()
    assert "no split 'test'" in refused("scenes", 1, "--split", "test")
    assert "name a directory" in refused("scenes", 1, "--seed", 3)


def test_a_checkpoint_that_is_none_is_refused(refused, tmp_path):
    (tmp_path / "a.pth").write_bytes(b"none")
    (tmp_path / "o.json").write_text("{}")
    output = tmp_path / "model"
    refused("import-m3vit", tmp_path / "a.pth", tmp_path / "o.json", "-o", output)
    refused("import-m3vit", tmp_path / "absent.pth", tmp_path / "o.json", "-o", output)
    refused("import-m3vit", tmp_path / "a.pth", tmp_path / "absent.json", "-o", output)
    assert not output.exists()


ORACLE = Path(__file__).resolve().parents[3] / "shared" / "oracle"


@pytest.mark.skipif(not ORACLE.is_dir(), reason="the parity data is not there")
def test_an_original_checkpoint_becomes_a_model_directory(m3vit, tmp_path):
    parts = (ORACLE / "small_top3.state_dict.pt", ORACLE / "small_top3.config.json")
    result = m3vit("import-m3vit", *parts, "-o", tmp_path / "model")
    assert result.stderr == ""
    assert "ViTMoEModel" in result.stdout
    assert "features" in m3vit("info", tmp_path / "model").stdout
