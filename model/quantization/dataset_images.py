"""The images of a data set as a user would hand them over: eight-bit RGB."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.data import open_dataset
from m3vit.model.tasks import canonical_tasks
from m3vit.model.training.sampling import evenly_spread


def dataset_images(
    name: str,
    split: str,
    count: int,
    tasks: list[str],
    image_size: tuple[int, int],
    root: Path | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Some images of a data set, evenly spread over a split.

    Args:
        name, split, root: as in `m3vit.model.data.open_dataset`.
        count: how many; fewer if the split holds fewer.
        tasks: of the model; the data set must have them.
        image_size: height and width.

    Yields:
        (H, W, 3) uint8.

    Raises:
        UserError: no such data set, or an empty split.
    """
    dataset = open_dataset(
        name, split, root, canonical_tasks(tasks), image_size=list(image_size), augment=False
    )
    if len(dataset) == 0:
        raise UserError(f"the {split} split of {name} holds no image: choose another split")
    yield from images_of(dataset, count)


def images_of(dataset: Any, count: int) -> Iterator[NDArray[np.uint8]]:
    """At most `count` images, evenly spread over an open data set.

    Args:
        dataset: map-style, items with "pixel_values" (3, H, W); attributes mean, std.
    """
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (dataset.mean, dataset.std))
    for index in evenly_spread(len(dataset), count):
        levels = (dataset[index]["pixel_values"] * std + mean) * 255
        yield levels.round().clamp(0, 255).byte().movedim(0, -1).contiguous().numpy()
