"""What every data set has in common: tasks, sizes, seeded augmentation, tensors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from m3vit.errors import UserError
from m3vit.files import default_root
from m3vit.model.config import IMAGENET_MEAN, IMAGENET_STD
from m3vit.model.data.views import Sample, View, look
from m3vit.model.tasks import TASKS, canonical_tasks


class DenseDataset(Dataset[dict[str, Tensor]]):
    """A map-style data set of pictures with labels per pixel.

    A sample is a dictionary: "pixel_values" float32 (3, H, W), normalised, and one entry per task
    in the format of `m3vit.model.tasks.Task.kind`. Augmentation depends on (seed, epoch, index)
    alone, so that an interrupted training run sees the same pictures again.

    Attributes:
        tasks: in canonical order.
        channels: task -> number of output channels.
        class_names: names of the semantic classes.
        image_size: (height, width).
        mean, std: of the normalisation (pixels / 255 - mean) / std, three numbers each.
    """

    NAME: ClassVar[str]
    FOLDER: ClassVar[str]
    LAYOUT: ClassVar[str]
    SPLITS: ClassVar[tuple[str, ...]] = ("train", "val")
    CHANNELS: ClassVar[dict[str, int]]
    CLASS_NAMES: ClassVar[tuple[str, ...]]
    SIZE: ClassVar[tuple[int, int]]
    MEAN: ClassVar[tuple[float, float, float]] = IMAGENET_MEAN
    STD: ClassVar[tuple[float, float, float]] = IMAGENET_STD
    OPTIONS: ClassVar[tuple[str, ...]] = ("augment", "seed")

    def __init__(
        self,
        split: str,
        root: Path | None,
        tasks: Sequence[str],
        image_size: tuple[int, int] | None = None,
        augment: bool | None = None,
        seed: int = 0,
    ) -> None:
        wanted = canonical_tasks(tasks)
        for task in wanted:
            if task not in self.CHANNELS:
                raise UserError(
                    f"{self.NAME} has no labels for {task}: it has {', '.join(self.CHANNELS)}"
                )
        if split not in self.SPLITS:
            raise UserError(
                f"{self.NAME} has no part {split!r}: choose one of {', '.join(self.SPLITS)}"
            )
        self.split = split
        self.root = default_root() / self.FOLDER if root is None else Path(root)
        self.tasks = wanted
        self.channels = {task: self.CHANNELS[task] for task in wanted}
        self.class_names = list(self.CLASS_NAMES)
        self.image_size = image_size or self.SIZE
        if min(self.image_size) < 1:
            raise UserError(f"an image size of {self.image_size} is impossible: use 1 or more")
        self.mean, self.std = list(self.MEAN), list(self.STD)
        self.augment = split == "train" if augment is None else augment
        self.seed = seed
        self.epoch = 0
        self.locate()

    def locate(self) -> None:
        """Find this part's files, once everything else is known.

        Raises:
            UserError: they are not there; see `missing`.
        """
        raise TypeError(f"{type(self).__name__} must say where its files are")

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose augmentation the next samples get."""
        self.epoch = epoch

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} must say how many samples it has")

    def read(self, index: int) -> Sample:
        """The picture and the labels of the wanted tasks as they are on disk."""
        raise TypeError(f"{type(self).__name__} must say how a sample is read")

    def draw_view(self, rng: np.random.Generator) -> View:
        """A random view of one training picture; the paper's augmentation of this data set."""
        return View(mirrored=bool(rng.random() < 0.5))

    def recolour(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Change the colours of one training picture, (H, W, 3) in 0..1."""
        del rng
        return image

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        index %= len(self)
        sample = self.read(index)
        view = View()
        rng = np.random.default_rng([self.seed, self.epoch, index])
        if self.augment:
            view = self.draw_view(rng)
        sample = look(sample, view, self.image_size)
        image = sample.image
        if self.augment:
            image = self.recolour(image, rng)
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        pixels = ((image - mean) / std).transpose(2, 0, 1)
        tensors = {"pixel_values": torch.from_numpy(np.ascontiguousarray(pixels))}
        for task in self.tasks:
            tensors[task] = _label_tensor(task, sample.labels[task])
        return tensors

    def missing(self, path: Path) -> UserError:
        """The error that says what to download and where to put it."""
        what = "folder" if not self.root.is_dir() else "file or folder"
        return UserError(
            f"{self.NAME} is not complete: the {what} {path} is missing. {self.LAYOUT}\n"
            f"It is looked for in {self.root}; name another place with data.root in a recipe, "
            "--root or $M3VIT_DATA."
        )

    def required(self, *parts: str) -> Path:
        """A path below the root that must exist."""
        path = self.root.joinpath(*parts)
        if not path.exists():
            raise self.missing(self.root if not self.root.exists() else path)
        return path

    def listed(self, *parts: str) -> list[str]:
        """The names in a list of the split, one per line."""
        path = self.required(*parts)
        names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        if not names:
            raise UserError(f"{path} lists no picture: unpack {self.NAME} again")
        return names


def _label_tensor(task: str, label: NDArray[Any]) -> Tensor:
    """A label as the losses expect it, see `Task.kind`."""
    kind = TASKS[task].kind
    if kind == "classes":
        return torch.from_numpy(np.ascontiguousarray(label, dtype=np.int64))
    floats = np.asarray(label, np.float32)
    floats = floats.transpose(2, 0, 1) if kind == "direction" else floats[None]
    return torch.from_numpy(np.ascontiguousarray(floats))
