"""Compiled models survive saving, and every kind of damage is named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from m3vit.errors import UserError
from m3vit.model.compiled import CompiledModel
from m3vit.model.manifest import write_manifest
from m3vit.model.parameters import Parameters, walk
from m3vit.model.synthetic import NANO, random_model
from m3vit.model.tensor_file import read_tensors, write_tensors

MODEL = random_model()


@pytest.fixture
def directory(tmp_path):
    MODEL.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"moe_layers": []},
        {"gate_input_ahead": True},
        {"head": "tokens"},
        {"head": "classification", "head_patch_grid": 1},
    ],
)
def test_save_and_load(tmp_path, change):
    model = random_model(replace(NANO, **change))
    model.save(tmp_path / "model")
    loaded = CompiledModel.load(tmp_path / "model")
    assert loaded.network == model.network
    assert loaded.tasks == model.tasks
    assert loaded.description == model.description
    ours, theirs = dict(walk(model.parameters)), dict(walk(loaded.parameters))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(theirs[name], value)


def test_saving_twice_gives_equal_files_and_replaces(directory):
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    MODEL.save(directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert [path.name for path in directory.parent.iterdir()] == ["model"]


def test_the_real_safetensors_package_reads_the_integers(directory):
    tensors = load_file(directory / "model.safetensors")
    for name, value in walk(MODEL.parameters):
        np.testing.assert_array_equal(tensors[name], value)


def test_a_failed_save_leaves_nothing(tmp_path):
    broken = replace(MODEL, description=replace(MODEL.description, settings={"a": object()}))
    with pytest.raises(TypeError):
        broken.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
def test_a_missing_file_is_named(directory, name):
    (directory / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        CompiledModel.load(directory)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("how", ["flipped", "cut", "longer"])
def test_a_damaged_file_is_named(directory, name, how):
    content = bytearray((directory / name).read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 1
    elif how == "cut":
        del content[-10:]
    else:
        content += b"\0"
    (directory / name).write_bytes(content)
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        CompiledModel.load(directory)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema": 1, "files": 3}'])
def test_a_damaged_manifest_is_named(directory, content):
    (directory / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        CompiledModel.load(directory)


def test_another_schema_is_refused(directory):
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(UserError, match="schema 99"):
        CompiledModel.load(directory)


def test_a_manifest_that_forgets_a_file_is_refused(directory):
    write_manifest(directory, ["config.json"])
    with pytest.raises(UserError, match=r"does not list model\.safetensors"):
        CompiledModel.load(directory)


def test_what_is_no_compiled_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a directory"):
        CompiledModel.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        CompiledModel.load(tmp_path)


def rewrite(directory, change_config=None, change_tensors=None):
    """Edit files as a person might, hashes and all."""
    if change_config:
        config = json.loads((directory / "config.json").read_text())
        change_config(config)
        (directory / "config.json").write_text(json.dumps(config))
    if change_tensors:
        tensors = dict(read_tensors(directory / "model.safetensors"))
        change_tensors(tensors)
        write_tensors(directory / "model.safetensors", tensors)
    write_manifest(directory, ["config.json", "model.safetensors"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("network"), r"config\.json"),
        (lambda c: c["network"].pop("width"), r"config\.json"),
        (lambda c: c["network"].update(colour=1), r"config\.json"),
        (lambda c: c["network"].update(width=64), r"embeddings.projection.weight.*64"),
        (lambda c: c["network"].update(num_layers=5), "layers"),
        (lambda c: c["network"].update(moe_layers=[1]), "layers.3"),
        (lambda c: c["tasks"][0].update(channels=6), "heads.semseg.projection"),
        (lambda c: c["tasks"][0].update(name="sal"), "heads are"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(directory, change, message):
    rewrite(directory, change_config=change)
    with pytest.raises(UserError, match=message):
        CompiledModel.load(directory)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("layers.2.mlp.up.bias"), r"layers\.2\.mlp\.up\.bias' is missing"),
        (lambda t: t.pop("layers.1.experts.3.up.weight"), r"model\.safetensors"),
        (lambda t: t.update({"layers.9.extra": np.zeros(3)}), r"layers\.4.* is missing"),
        (lambda t: t.update({"layers.2.extra": np.zeros(3)}), r"takes tensor 'layers\.2\.extra'"),
        (
            lambda t: t.update({"embeddings.cls_row": np.zeros(31, np.int16)}),
            r"embeddings: tensor 'cls_row'",
        ),
        (
            lambda t: t.update({"layers.0.mlp.table": np.zeros(256, np.int32)}),
            r"layers\.0\.mlp: tensor 'table'",
        ),
        (
            lambda t: t.update({"layers.1.gate.bias": np.zeros((3, 6), np.int64)}),
            r"layers\.1\.gate\.bias.*\(3, 6\).*\(2, 6\)",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_refused(directory, change, message):
    rewrite(directory, change_tensors=change)
    with pytest.raises(UserError, match=message):
        CompiledModel.load(directory)


def test_unknown_tasks_are_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"no task 'edge'.* semseg, depth"):
        MODEL.task("edge")


def test_heads_must_match_the_tasks():
    parameters = Parameters(MODEL.parameters.embeddings, MODEL.layers, None, {})
    with pytest.raises(UserError, match="heads are"):
        replace(MODEL, parameters=parameters)
