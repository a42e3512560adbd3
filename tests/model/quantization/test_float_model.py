"""Reading the parts of a float model."""

from m3vit.model.quantization.float_model import task_names
from m3vit.model.vit import ViTMoEModel


def test_task_names(small_config, small_model):
    assert task_names(small_model) == ["semseg", "depth"]
    bare = {"tasks": [], "task_channels": {}}
    assert task_names(ViTMoEModel(small_config(**bare))) == ["features"]
    assert task_names(ViTMoEModel(small_config(**bare, num_tasks=2))) == ["task0", "task1"]
