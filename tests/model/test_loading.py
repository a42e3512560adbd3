"""Loading float models of any kind; every broken checkpoint names its tensor."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from m3vit.errors import UserError
from m3vit.model.loading import load_dense_prediction, load_float_model
from m3vit.model.vit import ViTMoEForImageClassification, ViTMoEModel

NAME = "vit.layers.1.mlp.experts.up_proj"


@pytest.fixture
def saved(small_model, tmp_path):
    small_model.save_pretrained(tmp_path / "float")
    return tmp_path / "float"


def change(saved, edit):
    tensors = load_file(saved / "model.safetensors")
    edit(tensors)
    save_file(tensors, saved / "model.safetensors")


def test_loads_what_was_saved(saved, small_model):
    loaded = load_float_model(saved)
    assert not loaded.training
    for name, tensor in small_model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.mark.parametrize("kind", [ViTMoEModel, ViTMoEForImageClassification])
def test_loads_every_kind(kind, small_config, tmp_path):
    kind(small_config(tasks=[], task_channels={})).save_pretrained(tmp_path)
    assert type(load_float_model(tmp_path)) is kind


def test_a_missing_tensor_is_named_with_its_shape(saved):
    change(saved, lambda tensors: tensors.pop(NAME))
    with pytest.raises(UserError, match=rf"lacks tensor '{NAME}' of shape \(6, 48, 48\)"):
        load_float_model(saved)


def test_a_misshapen_tensor_is_named_with_both_shapes(saved):
    change(saved, lambda tensors: tensors.update({NAME: tensors[NAME][:5].clone()}))
    with pytest.raises(UserError, match=rf"'{NAME}'.*\(5, 48, 48\).*\(6, 48, 48\)"):
        load_float_model(saved)


def test_an_extra_tensor_is_named(saved):
    change(saved, lambda tensors: tensors.update(extra=torch.zeros(3)))
    with pytest.raises(UserError, match=r"'extra' of shape \(3,\)"):
        load_float_model(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_tensor_that_is_not_finite_is_named(saved, value):
    change(saved, lambda tensors: tensors[NAME].view(-1)[7:8].fill_(value))
    with pytest.raises(UserError, match=f"'{NAME}'.* NaN or infinity"):
        load_float_model(saved)


def test_a_damaged_file_is_named(saved):
    content = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        load_float_model(saved)


def test_a_missing_file_is_named(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        load_float_model(saved)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"architectures": ["ViTModel"]}'])
def test_another_configuration_is_refused(saved, content):
    (saved / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json"):
        load_float_model(saved)


def test_a_directory_without_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no model"):
        load_float_model(tmp_path)


def test_a_model_without_dense_tasks_is_refused_where_they_are_needed(small_config, tmp_path):
    ViTMoEModel(small_config(tasks=[], task_channels={})).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="ViTMoEModel, which has no dense tasks"):
        load_dense_prediction(tmp_path)
