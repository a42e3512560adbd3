import json
from importlib.resources import files

import pytest

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.shape import CONFIG_DEFAULTS, PUBLISHED, Shape, load_shape
from m3vit.model.synthetic import random_model

tomllib = pytest.importorskip("tomllib")


def test_defaults_are_those_of_the_configuration_class():
    config = ViTMoEConfig()
    for name, value in CONFIG_DEFAULTS.items():
        assert getattr(config, name) == (list(value) if isinstance(value, tuple) else value), name


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_shapes_agree_with_the_shipped_recipe(name):
    recipe = tomllib.loads((files("m3vit.model.training") / "recipes" / f"{name}.toml").read_text())
    published = PUBLISHED[name]
    for key in set(published) & set(recipe["model"]):
        assert published[key] == recipe["model"][key], key
    assert published["tasks"] == recipe["data"]["tasks"]
    assert published["image_size"] == recipe["data"]["image_size"]
    assert list(published["task_channels"]) == published["tasks"]


def test_float_and_compiled_directories_are_read_without_torch(tmp_path):
    ViTMoEConfig(image_size=64, patch_size=8).save_pretrained(tmp_path / "float")
    shape, compiled = load_shape(tmp_path / "float")
    assert (shape.tokens, shape.tasks, compiled) == (65, {"features": 0}, None)
    random_model().save(tmp_path / "compiled")
    shape, compiled = load_shape(tmp_path / "compiled")
    assert compiled is not None
    assert shape.tasks == {"semseg": 5, "depth": 1}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"model_type": "vit"}', '{"model_type": "vit_moe", "image_size": "x"}'],
)
def test_other_configurations_are_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json"):
        load_shape(tmp_path)


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="give the directory"):
        load_shape(tmp_path)
    with pytest.raises(UserError, match="give the directory"):
        load_shape(tmp_path / "absent")


def test_expert_ranges_bound_what_a_task_reaches():
    config = ViTMoEConfig(
        tasks=["semseg", "depth"],
        task_channels={"semseg": 3, "depth": 1},
        task_expert_ranges=[[0, 5], [3, 8]],
    )
    shape = Shape.from_config(json.loads(config.to_json_string()))
    assert shape.ranges == {"semseg": (0, 5), "depth": (3, 8)}
