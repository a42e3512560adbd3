import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.dataset_images import dataset_images


def test_images_are_those_on_disk(scenes_root):
    images = list(dataset_images("scenes", "train", 9, ["depth"], (32, 48), scenes_root))
    dataset = open_dataset("scenes", "train", scenes_root, ["depth"], [32, 48], augment=False)
    assert len(images) == len(dataset) == 4
    for image, index in zip(images, range(4), strict=True):
        np.testing.assert_array_equal(image, dataset.read(index).image)


def test_a_missing_data_set_is_answered(tmp_path):
    with pytest.raises(UserError):
        list(dataset_images("scenes", "val", 1, ["depth"], (32, 48), tmp_path))
    with pytest.raises(UserError, match="imagenet"):
        list(dataset_images("imagenet", "val", 1, ["depth"], (32, 48)))
