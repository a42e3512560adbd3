import numpy as np
import pytest
from PIL import Image

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.data.pascal_context import NORMALS_CLASSES, PARTS

scipy_io = pytest.importorskip("scipy.io")

TASKS = ["semseg", "human_parts", "sal", "normals", "edge"]
SHAPE = (20, 30)
WALL, SKY = 440, 360


def _annotation(objects):
    """The structure of PASCAL-Part's files: anno.objects(k).parts(j).mask."""
    kinds = [("class", object), ("class_ind", object), ("mask", object), ("parts", object)]
    things = np.zeros((1, len(objects)), kinds)
    for column, (name, number, parts) in enumerate(objects):
        table = np.zeros((1, len(parts)), [("part_name", object), ("mask", object)])
        for place, (part, mask) in enumerate(parts):
            table[0, place] = (part, mask.astype(np.uint8))
        empty = np.zeros((0, 0))
        things[0, column] = (name, number, np.ones(SHAPE, np.uint8), table if parts else empty)
    return {"anno": {"imname": "x", "objects": things}}


@pytest.fixture
def root(tmp_path):
    """PASCAL_MT in miniature: "one" has a person, "two" a cat and no VOC segmentation."""
    rng = np.random.default_rng(0)
    for folder in (
        "JPEGImages",
        "ImageSets/Context",
        "pascal-context/trainval",
        "human_parts",
        "semseg/VOC12",
        "semseg/pascal-context",
        "sal_distill",
        "normals_distill",
    ):
        (tmp_path / folder).mkdir(parents=True)
    label_map = np.full(SHAPE, WALL, np.uint16)
    label_map[:, 15:] = SKY
    for name in ("one", "two"):
        picture = rng.integers(0, 256, (*SHAPE, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "JPEGImages" / f"{name}.jpg")
        scipy_io.savemat(
            tmp_path / "pascal-context" / "trainval" / f"{name}.mat", {"LabelMap": label_map}
        )
        grey = np.tile(np.array([0, 127, 128, 255, 200], np.uint8), (20, 6))
        Image.fromarray(grey).save(tmp_path / "sal_distill" / f"{name}.png")
        normals = np.full((*SHAPE, 3), [128, 128, 255], np.uint8)
        Image.fromarray(normals).save(tmp_path / "normals_distill" / f"{name}.png")
    head, arm, other = (np.zeros(SHAPE, bool) for _ in range(3))
    head[2:6, 3:8], arm[6:12, 3:5], other[15:, 20:] = True, True, True
    person = ("person", 15, [("head", head), ("lhand", arm)])
    cat = ("cat", 8, [("head", other)])
    scipy_io.savemat(tmp_path / "human_parts" / "one.mat", _annotation([person, cat]))
    scipy_io.savemat(tmp_path / "human_parts" / "two.mat", _annotation([("person", 15, []), cat]))
    codes = rng.integers(0, 21, SHAPE).astype(np.uint8)
    codes[0, 0] = 255
    palette = Image.fromarray(codes, mode="P")
    palette.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
    palette.save(tmp_path / "semseg" / "VOC12" / "one.png")
    Image.fromarray(codes[::-1]).save(tmp_path / "semseg" / "pascal-context" / "one.png")
    Image.fromarray(codes[::-1]).save(tmp_path / "semseg" / "pascal-context" / "two.png")
    (tmp_path / "ImageSets" / "Context" / "train.txt").write_text("one\ntwo\n")
    (tmp_path / "ImageSets" / "Context" / "val.txt").write_text("one\ntwo\n")
    return tmp_path


def test_labels_are_those_of_the_files(root):
    dataset = open_dataset("pascal", "val", root, TASKS, SHAPE)
    assert dataset.channels == {"semseg": 21, "human_parts": 7, "sal": 1, "normals": 3, "edge": 1}
    one, two = dataset[0], dataset[1]
    codes = np.array(Image.open(root / "semseg" / "VOC12" / "one.png"))
    np.testing.assert_array_equal(one["semseg"], codes)
    assert one["semseg"][0, 0] == 255
    np.testing.assert_array_equal(two["semseg"], codes[::-1])

    parts = np.zeros(SHAPE, np.int64)
    parts[2:6, 3:8] = 1
    parts[6:12, 3:5] = 4
    np.testing.assert_array_equal(one["human_parts"], parts)
    assert (two["human_parts"] == 255).all()

    np.testing.assert_array_equal(one["sal"][0, 0, :5], [0, 0, 1, 1, 1])

    # Walls are known to the teacher of the normals, the sky is not.
    np.testing.assert_allclose(one["normals"][:, 4, 3], [0.004, 0.004, 1], atol=1e-3)
    assert (one["normals"][:, :, 15:] == 0).all()

    line = one["edge"][0].numpy()[2:-2]
    column = np.nonzero(line.any(0))[0]
    assert len(column) == 1 and column[0] in (14, 15) and line[:, column].all()


def test_tables_are_complete():
    assert len(PARTS) == 24 and set(PARTS.values()) == set(range(1, 7))
    assert len(NORMALS_CLASSES) == 170 and {WALL, 427, 284} <= NORMALS_CLASSES
    assert SKY not in NORMALS_CLASSES and 431 not in NORMALS_CLASSES


def test_training_views_keep_labels_in_range(root):
    dataset = open_dataset("pascal", "train", root, TASKS)
    dataset.set_epoch(1)
    sample = dataset[0]
    assert sample["pixel_values"].shape == (3, 512, 512)
    assert set(sample["human_parts"].unique().tolist()) <= {0, 1, 4}
    assert sample["edge"].unique().tolist() == [0, 1]
    length = sample["normals"].norm(dim=0)
    assert ((length - 1).abs() < 1e-5).logical_or(length == 0).all()


def test_only_needed_files_are_needed(root):
    (root / "human_parts" / "one.mat").unlink()
    assert "sal" in open_dataset("pascal", "val", root, ["sal"])[0]
    with pytest.raises(UserError, match=r"human_parts/one\.mat is missing"):
        open_dataset("pascal", "val", root, ["human_parts"])[0]


def test_strange_annotations_are_named(root):
    path = root / "human_parts" / "one.mat"
    scipy_io.savemat(path, {"something": 1})
    with pytest.raises(UserError, match=r"one\.mat is no part annotation"):
        open_dataset("pascal", "val", root, ["human_parts"])[0]
    path.write_bytes(b"MATLAB rubbish" * 20)
    with pytest.raises(UserError, match=r"one\.mat cannot be read"):
        open_dataset("pascal", "val", root, ["human_parts"])[0]
    scipy_io.savemat(root / "pascal-context" / "trainval" / "one.mat", {"something": 1})
    with pytest.raises(UserError, match=r"one\.mat has no LabelMap"):
        open_dataset("pascal", "val", root, ["edge"])[0]
