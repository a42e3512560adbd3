import numpy as np
import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.quantization.dataset_images import dataset_images, images_of


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


def test_normalisation_is_undone_to_the_last_bit(smooth_images):
    class Normalised:
        mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)

        def __len__(self):
            return len(smooth_images)

        def __getitem__(self, index):
            pixels = torch.from_numpy(smooth_images[index]).movedim(-1, 0).float() / 255
            mean, std = (torch.tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
            return {"pixel_values": (pixels - mean) / std}

    found = list(images_of(Normalised(), 12))
    assert len(found) == 12
    for image, expected in zip(found, smooth_images, strict=True):
        np.testing.assert_array_equal(image, expected)
