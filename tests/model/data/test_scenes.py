import math
import shutil

import numpy as np
import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.data.scenes import lens_factor
from m3vit.model.data.views import look
from m3vit.model.scenes import CLASS_NAMES, SPLIT_SEEDS, cache, render, split_directory
from m3vit.model.scenes.ground_truth import Truth
from m3vit.model.scenes.scene import Scene

SIZE = (16, 32)
TASKS = ["depth", "semseg", "edge", "normals"]


def _invented(seed, size):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(*size, 3)).astype(np.float32)
    return Scene(
        rng.integers(60, 180, (*size, 3)).astype(np.uint8),
        Truth(
            rng.integers(0, 9, size).astype(np.uint8),
            rng.uniform(1, 80, size).astype(np.float32),
            vectors / np.linalg.norm(vectors, axis=-1, keepdims=True),
            rng.random(size) < 0.1,
        ),
        float(rng.uniform(42, 88)),
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Both splits of invented scenes, in shards of two."""
    place = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "SHARD_LENGTH", 2)
        patch.setattr(cache, "render_scene", _invented)
        for split, count in (("train", 5), ("val", 3)):
            render(count, SPLIT_SEEDS[split].start, split_directory(place, split, SIZE), 1, SIZE)
    return place


def test_samples_have_the_agreed_format(root):
    dataset = open_dataset("scenes", "val", root, TASKS, SIZE)
    assert len(dataset) == 3
    assert dataset.tasks == ["semseg", "normals", "edge", "depth"]
    assert dataset.channels == {"semseg": 9, "normals": 3, "edge": 1, "depth": 1}
    assert dataset.class_names == list(CLASS_NAMES)
    assert dataset.image_size == SIZE
    sample = dataset[2]
    scene = _invented(SPLIT_SEEDS["val"].start + 2, SIZE)
    expected = {
        "pixel_values": (torch.float32, (3, *SIZE)),
        "semseg": (torch.int64, SIZE),
        "normals": (torch.float32, (3, *SIZE)),
        "edge": (torch.float32, (1, *SIZE)),
        "depth": (torch.float32, (1, *SIZE)),
    }
    assert {name: (value.dtype, tuple(value.shape)) for name, value in sample.items()} == expected
    pixels = (sample["pixel_values"].numpy().transpose(1, 2, 0) * 0.5 + 0.5) * 255
    np.testing.assert_array_equal(np.rint(pixels), scene.rgb)
    np.testing.assert_array_equal(sample["semseg"], scene.truth.labels)
    np.testing.assert_array_equal(sample["edge"][0], scene.truth.edges)
    # As far as a lens of 65 degrees would have to be away.
    factor = math.tan(math.radians(scene.field_of_view / 2)) / math.tan(math.radians(32.5))
    depth = np.where(scene.truth.depth * factor <= 80, scene.truth.depth * factor, 0)
    np.testing.assert_allclose(sample["depth"][0], depth, atol=factor * 0.5 / 800 + 1e-5)
    np.testing.assert_allclose(
        sample["normals"].movedim(0, -1), scene.truth.normals, atol=1.0 / 127
    )


def test_only_wanted_labels_are_read(root):
    assert set(open_dataset("scenes", "val", root, ["depth"], SIZE)[0]) == {"pixel_values", "depth"}


def test_augmentation_depends_on_seed_epoch_and_index_alone(root):
    first, second = (open_dataset("scenes", "train", root, TASKS, SIZE) for _ in range(2))
    for dataset in (first, second):
        dataset.set_epoch(3)
    second[0]
    for index in (4, 1):
        for name, value in first[index].items():
            assert torch.equal(value, second[index][name])
    before = first[1]["pixel_values"]
    first.set_epoch(4)
    assert not torch.equal(first[1]["pixel_values"], before)
    other = open_dataset("scenes", "train", root, TASKS, SIZE, seed=1)
    other.set_epoch(3)
    assert not torch.equal(other[1]["pixel_values"], before)


def test_training_pictures_are_mirrored_and_enlarged_with_their_labels(root):
    plain = open_dataset("scenes", "train", root, TASKS, SIZE, augment=False)
    dataset = open_dataset("scenes", "train", root, TASKS, SIZE)
    mirrored = enlarged = 0
    for epoch in range(40):
        dataset.set_epoch(epoch)
        view = dataset.draw_view(np.random.default_rng([0, epoch, 1]))
        expected = look(plain.read(1), view, SIZE)
        sample = dataset[1]
        assert np.array_equal(sample["semseg"].numpy(), expected.labels["semseg"])
        assert np.array_equal(sample["depth"].numpy()[0], expected.labels["depth"])
        # The colours differ a little, the picture does not.
        pixels = sample["pixel_values"].numpy().transpose(1, 2, 0)
        assert np.corrcoef(pixels.ravel(), expected.image.ravel())[0, 1] > 0.95
        # Labels of nothing, as from beyond the border, never occur.
        assert np.linalg.norm(expected.labels["normals"], axis=-1).min() > 0.9
        mirrored += view.mirrored
        enlarged += view.zoom > 1
    assert 10 <= mirrored <= 30
    assert 10 <= enlarged <= 30
    validation = open_dataset("scenes", "val", root, TASKS, SIZE)
    before = validation[1]["pixel_values"]
    validation.set_epoch(9)
    assert torch.equal(validation[1]["pixel_values"], before)


def test_a_prefix_can_be_used(root):
    assert len(open_dataset("scenes", "train", root, TASKS, SIZE, count=3)) == 3
    with pytest.raises(UserError, match="holds 5 scenes, not 6"):
        open_dataset("scenes", "train", root, TASKS, SIZE, count=6)


def test_one_set_can_be_opened_by_its_directory(root):
    directory = split_directory(root, "val", SIZE)
    assert len(open_dataset("scenes", "val", directory, TASKS, SIZE)) == 3
    with pytest.raises(UserError, match="another part than 'train'"):
        open_dataset("scenes", "train", directory, TASKS, SIZE)


def test_missing_scenes_are_explained(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="m3vit scenes 4000"):
        open_dataset("scenes", "train", tmp_path, TASKS)
    with pytest.raises(UserError, match=r"no scenes of 64x64 pixels in .*: use 128x256"):
        open_dataset("scenes", "train", tmp_path, TASKS, [64, 64])
    monkeypatch.setenv("M3VIT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match="elsewhere"):
        open_dataset("scenes", "train", None, TASKS)


def test_a_damaged_record_is_explained(root, tmp_path):
    place = tmp_path / "copy"
    shutil.copytree(split_directory(root, "val", SIZE), place)
    shard = place / "shard-00001.npy"
    content = bytearray(shard.read_bytes())
    content[-9] ^= 1
    shard.write_bytes(content)
    dataset = open_dataset("scenes", "val", place, TASKS, SIZE)
    dataset[1]
    with pytest.raises(UserError, match=r"scene 2 in .* is damaged"):
        dataset[2]


def test_indices_are_those_of_a_sequence(root):
    dataset = open_dataset("scenes", "val", root, ["depth"], SIZE)
    assert torch.equal(dataset[-1]["depth"], dataset[2]["depth"])
    with pytest.raises(IndexError):
        dataset[3]
    assert len(list(dataset)) == 3


@pytest.mark.parametrize(("degrees", "factor"), [(65, 1.0), (90, 1.5697), (42, 0.6026)])
def test_a_wide_lens_shows_things_farther_away(degrees, factor):
    assert lens_factor(degrees) == pytest.approx(factor, abs=1e-4)
