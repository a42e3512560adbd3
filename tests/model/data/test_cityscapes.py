import json

import numpy as np
import pytest
from PIL import Image

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.data.cityscapes import BASELINE, CATEGORY_OF_ID, FOCAL_LENGTH

TASKS = ["semseg", "depth"]
SHAPE = (16, 32)


@pytest.fixture
def official(tmp_path):
    """Two towns in the official layout; only the first has a camera file."""
    for town, name in (("aachen", "aachen_000000_000019"), ("bonn", "bonn_000001_000019")):
        for folder in ("leftImg8bit", "gtFine", "disparity"):
            (tmp_path / folder / "val" / town).mkdir(parents=True)
        stripes = np.zeros((32, 64, 3), np.uint8)
        stripes[:, ::2] = 200
        place = tmp_path / "leftImg8bit" / "val" / town / f"{name}_leftImg8bit.png"
        Image.fromarray(stripes).save(place)
        ids = np.full((32, 64), 7, np.uint8)
        ids[:16] = 23
        ids[16:, 32:] = 4
        Image.fromarray(ids).save(
            tmp_path / "gtFine" / "val" / town / f"{name}_gtFine_labelIds.png"
        )
        codes = np.full((32, 64), 1 + 256 * 20, np.uint16)
        codes[:16] = 0
        Image.fromarray(codes).save(tmp_path / "disparity" / "val" / town / f"{name}_disparity.png")
    camera = tmp_path / "camera" / "val" / "aachen" / "aachen_000000_000019_camera.json"
    camera.parent.mkdir(parents=True)
    camera.write_text(json.dumps({"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 2000.0}}))
    return tmp_path


@pytest.fixture
def prepared(tmp_path):
    """Three training arrays and one validation array in MTAN's layout."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 1)):
        for folder in ("image", "label_7", "depth"):
            (tmp_path / split / folder).mkdir(parents=True)
        for number in range(count):
            image = rng.random((*SHAPE, 3))
            np.save(tmp_path / split / "image" / f"{number}.npy", image)
            label = rng.integers(-1, 7, SHAPE).astype(np.float64)
            np.save(tmp_path / split / "label_7" / f"{number}.npy", label)
            depth = rng.uniform(0.01, 0.4, (*SHAPE, 1)).astype(np.float32)
            depth[0, 0] = 0
            np.save(tmp_path / split / "depth" / f"{number}.npy", depth)
    return tmp_path


def test_official_files(official):
    dataset = open_dataset("cityscapes", "val", official, TASKS, SHAPE)
    assert len(dataset) == 2 and dataset.names[0] == "aachen/aachen_000000_000019"
    first, second = dataset[0], dataset[1]
    # The input is raw, and reduced by averaging, not by picking.
    assert dataset.mean == [0, 0, 0] and dataset.std == [1, 1, 1]
    assert abs(float(first["pixel_values"][:, 8, 16].mean()) - 100 / 255) < 0.05
    np.testing.assert_array_equal(first["semseg"][:8], 4)
    np.testing.assert_array_equal(first["semseg"][8:, :16], 0)
    np.testing.assert_array_equal(first["semseg"][8:, 16:], 255)
    assert (first["depth"][0, :8] == 0).all()
    np.testing.assert_allclose(first["depth"][0, 8:], 0.2 * 2000 / 20, rtol=1e-6)
    np.testing.assert_allclose(second["depth"][0, 8:], BASELINE * FOCAL_LENGTH / 20, rtol=1e-6)


def test_prepared_arrays(prepared):
    dataset = open_dataset("cityscapes", "val", prepared, TASKS, SHAPE)
    sample = dataset[0]
    image = np.load(prepared / "val" / "image" / "0.npy")
    np.testing.assert_allclose(sample["pixel_values"].movedim(0, -1), image, atol=1e-6)
    label = np.load(prepared / "val" / "label_7" / "0.npy")
    np.testing.assert_array_equal(sample["semseg"], np.where(label < 0, 255, label))
    np.testing.assert_array_equal(
        sample["depth"][0], np.load(prepared / "val" / "depth" / "0.npy")[..., 0]
    )
    training = open_dataset("cityscapes", "train", prepared, TASKS, SHAPE)
    assert len(training) == 3
    for epoch in range(5):
        training.set_epoch(epoch)
        sample = training[2]
        assert sample["semseg"].unique().max() <= 255
        assert sample["depth"].min() >= 0 and sample["depth"].max() <= 0.4


def test_categories_are_those_of_the_annotation():
    assert CATEGORY_OF_ID[[0, 6, 255]].tolist() == [255, 255, 255]
    assert CATEGORY_OF_ID[[7, 8, 11, 17, 21, 22, 23, 24, 25, 26, 33]].tolist() == (
        [0, 0, 1, 2, 3, 3, 4, 5, 5, 6, 6]
    )
    assert (CATEGORY_OF_ID != 255).sum() == 27


def test_errors_name_the_file(official):
    dataset = open_dataset("cityscapes", "val", official, TASKS, SHAPE)
    camera = official / "camera" / "val" / "aachen" / "aachen_000000_000019_camera.json"
    camera.write_text("{}")
    with pytest.raises(UserError, match="is no camera calibration"):
        dataset[0]
    (official / "disparity" / "val" / "bonn" / "bonn_000001_000019_disparity.png").unlink()
    with pytest.raises(UserError, match=r"bonn_000001_000019_disparity\.png is missing"):
        dataset[1]
    with pytest.raises(UserError, match="leftImg8bit/train is missing"):
        open_dataset("cityscapes", "train", official, TASKS)


def test_a_strange_array_is_named(prepared):
    np.save(prepared / "val" / "image" / "0.npy", np.zeros((4, 4)))
    with pytest.raises(UserError, match=r"0\.npy is no picture"):
        open_dataset("cityscapes", "val", prepared, TASKS)[0]
