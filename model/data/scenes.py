"""The rendered scenes as a training set."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.data.dataset import DenseDataset
from m3vit.model.data.views import Sample, View
from m3vit.model.scenes.cache import SPLIT_SEEDS, read, split_directory
from m3vit.model.scenes.ground_truth import FAR
from m3vit.model.scenes.parts import CLASS_NAMES
from m3vit.model.scenes.records import DEPTH_STEPS, is_intact, unpack_normals
from m3vit.model.scenes.scene import IMAGE_SIZE

REFERENCE_LENS = 65.0
"""Horizontal field of view, degrees, of the lens whose depths the labels are."""


class Scenes(DenseDataset):
    """Street scenes with semseg, normals, edges and depth (0 = sky or beyond 80 m).

    Their lenses differ, and no picture tells how long its lens was: what a longer one shows may
    as well be nearer. So depths are those at which a lens of 65 degrees would show the same
    (Yin et al., Metric3D, 2023, section 3.1: the canonical camera); times the ratio of the focal
    lengths they are metres again.

    `root` holds the sets of both splits as `m3vit scenes` makes them, or is itself one set (a
    directory with scenes.json). Training pictures are mirrored, zoomed into and
    slightly recoloured.

    Args:
        count: use only the first so many scenes; more than there are is an error.
    """

    NAME = "The set of rendered scenes"
    FOLDER = ""
    LAYOUT = "Render them: m3vit scenes 4000, and m3vit scenes 300 --split val."
    CHANNELS: ClassVar[dict[str, int]] = {
        "semseg": len(CLASS_NAMES),
        "normals": 3,
        "edge": 1,
        "depth": 1,
    }
    CLASS_NAMES = CLASS_NAMES
    SIZE = IMAGE_SIZE
    MEAN = (0.5, 0.5, 0.5)
    STD = (0.5, 0.5, 0.5)
    OPTIONS = ("augment", "seed", "count")

    def __init__(
        self,
        split: str,
        root: Path | None,
        tasks: Sequence[str],
        image_size: tuple[int, int] | None = None,
        augment: bool | None = None,
        seed: int = 0,
        count: int | None = None,
    ) -> None:
        self._wanted = count
        super().__init__(split, root, tasks, image_size, augment, seed)

    def locate(self) -> None:
        """Map the shards; the scenes must be of this part and as many as wanted."""
        directory = self.root
        if not (directory / "scenes.json").exists():
            directory = split_directory(self.root, self.split, self.image_size)
        if not (directory / "scenes.json").exists():
            if self.image_size != IMAGE_SIZE:
                raise UserError(
                    f"there are no scenes of {self.image_size[0]}x{self.image_size[1]} pixels in "
                    f"{directory}: use {IMAGE_SIZE[0]}x{IMAGE_SIZE[1]}, what `m3vit scenes` "
                    "makes, or call m3vit.model.scenes.render with that size"
                )
            raise self.missing(directory)
        self.directory = directory
        self._shards = read(directory, self.image_size)
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        available = int(self._starts[-1])
        if available == 0:
            raise UserError(f"{directory} holds no scene yet: run `m3vit scenes` to its end")
        if self._wanted is not None and not 1 <= self._wanted <= available:
            raise UserError(
                f"{directory} holds {available} scenes, not {self._wanted}: render more with "
                "`m3vit scenes` or ask for fewer"
            )
        self._count = self._wanted or available
        first = int(self._shards[0][0]["seed"])
        if first not in SPLIT_SEEDS[self.split]:
            raise UserError(
                f"{directory} holds scenes of another part than {self.split!r} "
                f"(first seed {first}): choose the directory of that part"
            )

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> Sample:
        """One scene; only the labels that are wanted are unpacked."""
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        record = self._shards[number][index - self._starts[number]]
        if not is_intact(record):
            raise UserError(
                f"scene {index} in {self.directory} is damaged: run the same `m3vit scenes` "
                "command again to remake it"
            )
        labels: dict[str, NDArray[np.generic]] = {}
        if "semseg" in self.tasks:
            labels["semseg"] = np.array(record["labels"])
        if "normals" in self.tasks:
            labels["normals"] = unpack_normals(record["normals"])
        if "edge" in self.tasks:
            width = record["labels"].shape[1]
            labels["edge"] = np.unpackbits(record["edges"], axis=1, count=width)
        if "depth" in self.tasks:
            depth = record["depth"] * (lens_factor(record["field_of_view"]) / DEPTH_STEPS)
            labels["depth"] = np.where(depth <= FAR, depth, 0).astype(np.float32)
        return Sample(np.array(record["rgb"]), labels)

    def draw_view(self, rng: np.random.Generator) -> View:
        """Mirrored half of the time; as often only a part is shown, enlarged.

        Zooming divides depths, as a longer lens does.
        """
        mirrored, enlarged = rng.random(2) < (0.5, 0.5)
        if not enlarged:
            return View(bool(mirrored))
        zoom, across, down = rng.uniform((1.1, 0, 0), (1.6, 1, 1)).tolist()
        return View(bool(mirrored), zoom=zoom, across=across, down=down)

    def recolour(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Brightness, contrast, saturation and tint within about a fifth."""
        image = image * np.float32(rng.uniform(0.8, 1.2))
        image = image + (image - image.mean()) * np.float32(rng.uniform(-0.2, 0.2))
        grey = image.mean(-1, keepdims=True)
        image = image + (image - grey) * np.float32(rng.uniform(-0.25, 0.25))
        image = image * rng.uniform(0.94, 1.06, 3).astype(np.float32)
        return np.clip(image, 0, 1)


def lens_factor(field_of_view: float) -> float:
    """How much farther the reference lens sees what a lens of `field_of_view` degrees sees."""
    half, reference = np.radians(field_of_view / 2), np.radians(REFERENCE_LENS / 2)
    return float(np.tan(half) / np.tan(reference))
