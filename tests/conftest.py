"""What several test files share: a random compiled model, and a float one, on disk."""

import pytest

from m3vit.model.synthetic import random_model


@pytest.fixture(scope="session")
def compiled_directory(tmp_path_factory):
    """A compiled model with the tasks semseg and depth, 32x48 pixels; never written to."""
    directory = tmp_path_factory.mktemp("models") / "random-int8"
    random_model().save(directory)
    return directory


@pytest.fixture(scope="session")
def float_directory(tmp_path_factory):
    """A float model of the same shapes as the compiled one, with random weights."""
    torch = pytest.importorskip("torch")
    from m3vit.model.config import ViTMoEConfig
    from m3vit.model.dense_prediction import ViTMoEForDensePrediction

    torch.manual_seed(0)
    config = ViTMoEConfig(
        image_size=[32, 48],
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        moe_intermediate_size=32,
        num_experts=6,
        final_layernorm=False,
        tasks=["semseg", "depth"],
        task_channels={"semseg": 9, "depth": 1},
        head_patch_grid=2,
    )
    directory = tmp_path_factory.mktemp("models") / "random"
    ViTMoEForDensePrediction(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def scenes_root(tmp_path_factory):
    """A data directory with a few rendered scenes of 32x48 pixels in both parts."""
    scenes = pytest.importorskip("m3vit.model.scenes")
    root = tmp_path_factory.mktemp("data")
    for split, count in (("train", 4), ("val", 3)):
        first = scenes.SPLIT_SEEDS[split].start
        directory = scenes.split_directory(root, split, (32, 48))
        scenes.render(count, first, directory, workers=1, size=(32, 48))
    return root
