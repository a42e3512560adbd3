import numpy as np
import pytest
import torch
from PIL import Image

from m3vit.errors import UserError
from m3vit.model.data import open_dataset

TASKS = ["semseg", "normals", "edge", "depth"]
SHAPE = (17, 24)


@pytest.fixture
def root(tmp_path):
    """NYUD_MT in miniature: three pictures, lists of two and one."""
    rng = np.random.default_rng(0)
    for folder in ("images", "segmentation", "normals", "edge", "depth", "gt_sets"):
        (tmp_path / folder).mkdir()
    for name in ("1", "2", "5"):
        smooth = np.linspace(0, 255, SHAPE[0] * SHAPE[1] * 3).reshape(*SHAPE, 3)
        Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / "images" / f"{name}.jpg")
        codes = rng.integers(0, 41, SHAPE).astype(np.uint8)
        codes[0, :2] = [0, 40]
        Image.fromarray(codes).save(tmp_path / "segmentation" / f"{name}.png")
        normals = rng.normal(size=(*SHAPE, 3))
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        normals[3, 3] = 0
        np.save(tmp_path / "normals" / f"{name}.npy", normals.astype(np.float32))
        np.save(tmp_path / "edge" / f"{name}.npy", (rng.random(SHAPE) < 0.1).astype(np.uint8))
        depth = rng.uniform(0.7, 10, SHAPE).astype(np.float32)
        depth[5, 5] = 0
        np.save(tmp_path / "depth" / f"{name}.npy", depth)
    (tmp_path / "gt_sets" / "train.txt").write_text("1\n5\n")
    (tmp_path / "gt_sets" / "val.txt").write_text("2\n")
    return tmp_path


def test_labels_are_those_of_the_files(root):
    dataset = open_dataset("nyud", "val", root, TASKS, SHAPE)
    assert len(dataset) == 1 and dataset.channels["semseg"] == 40 == len(dataset.class_names)
    sample = dataset[0]
    assert sample["semseg"][0, 0] == 255 and sample["semseg"][0, 1] == 39
    codes = np.array(Image.open(root / "segmentation" / "2.png"))
    np.testing.assert_array_equal(sample["semseg"][codes > 0], codes[codes > 0] - 1)
    np.testing.assert_array_equal(sample["depth"][0], np.load(root / "depth" / "2.npy"))
    np.testing.assert_array_equal(
        sample["normals"].movedim(0, -1), np.load(root / "normals" / "2.npy")
    )
    np.testing.assert_array_equal(sample["edge"][0], np.load(root / "edge" / "2.npy"))
    image = np.array(Image.open(root / "images" / "2.jpg").convert("RGB")) / 255
    expected = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(sample["pixel_values"].movedim(0, -1), expected, atol=1e-5)


def test_the_papers_size_is_the_default(root):
    sample = open_dataset("nyud", "val", root, ["depth"])[0]
    assert sample["pixel_values"].shape == (3, 480, 640)
    assert sample["depth"].shape == (1, 480, 640)


def test_training_enlarges_and_mirrors_consistently(root):
    dataset = open_dataset("nyud", "train", root, TASKS, SHAPE)
    assert len(dataset) == 2
    depth = np.load(root / "depth" / "5.npy")
    zooms = set()
    for epoch in range(12):
        dataset.set_epoch(epoch)
        sample = dataset[1]
        middle = float(sample["depth"][0, SHAPE[0] // 2, SHAPE[1] // 2])
        for zoom in (1.0, 1.2, 1.5):
            centre = depth[SHAPE[0] // 2, SHAPE[1] // 2 - 1 : SHAPE[1] // 2 + 1] / zoom
            if np.isclose(centre, middle, rtol=1e-5).any():
                zooms.add(zoom)
        length = torch.linalg.vector_norm(sample["normals"], dim=0)
        assert ((length - 1).abs() < 1e-5).logical_or(length == 0).all()
    assert zooms == {1.0, 1.2, 1.5}


@pytest.mark.parametrize(
    "victim", ["images/2.jpg", "segmentation/2.png", "depth/2.npy", "normals/2.npy", "edge/2.npy"]
)
def test_missing_and_damaged_files_are_named(root, victim):
    dataset = open_dataset("nyud", "val", root, TASKS, SHAPE)
    (root / victim).write_bytes(b"\x93NUMPY rubbish")
    with pytest.raises(UserError, match=f"{victim} cannot be read"):
        dataset[0]
    (root / victim).unlink()
    with pytest.raises(UserError, match=f"{victim} is missing"):
        dataset[0]


def test_a_missing_folder_and_an_empty_list_are_noticed_at_once(root):
    (root / "depth").rename(root / "death")
    open_dataset("nyud", "val", root, ["semseg"])
    with pytest.raises(UserError, match="depth is missing"):
        open_dataset("nyud", "val", root, TASKS)
    (root / "gt_sets" / "val.txt").write_text("\n")
    with pytest.raises(UserError, match="lists no picture"):
        open_dataset("nyud", "val", root, ["semseg"])
