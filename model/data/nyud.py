"""NYUD-v2 in the multi-task layout that ASTMT, MTI-Net and M³ViT use."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from m3vit.model.data.dataset import DenseDataset
from m3vit.model.data.files import load_array, load_image, load_labels, matched
from m3vit.model.data.views import Sample, View

# fmt: off
CLASS_NAMES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel",
    "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
    "bathtub", "bag", "other structure", "other furniture", "other prop",
)
# fmt: on


class NYUD(DenseDataset):
    """795 training and 654 validation pictures of rooms.

    Label 0 of the 41 on disk is "not labelled" and is ignored; depth is metres. Normals are in the
    axes of the files. Training: mirrored, enlarged 1, 1.2 or 1.5 times about the middle.
    """

    NAME = "NYUD-v2"
    FOLDER = "NYUD_MT"
    LAYOUT = (
        "Download the multi-task version NYUD_MT (NYUD_MT.tgz, linked by the ASTMT, MTI-Net and "
        "M³ViT repositories) and unpack it, so that there are\n"
        "  gt_sets/train.txt, gt_sets/val.txt\n"
        "  images/NAME.jpg  segmentation/NAME.png  depth/NAME.npy  normals/NAME.npy  edge/NAME.npy"
    )
    CHANNELS: ClassVar[dict[str, int]] = {"semseg": 40, "normals": 3, "edge": 1, "depth": 1}
    CLASS_NAMES = CLASS_NAMES
    SIZE = (480, 640)
    _FILES: ClassVar[dict[str, tuple[str, str]]] = {
        "semseg": ("segmentation", ".png"),
        "normals": ("normals", ".npy"),
        "edge": ("edge", ".npy"),
        "depth": ("depth", ".npy"),
    }

    def locate(self) -> None:
        """The names of the pictures; the folders that the tasks need must be there."""
        self.required("images")
        for task in self.tasks:
            self.required(self._FILES[task][0])
        self.names = self.listed("gt_sets", f"{self.split}.txt")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Sample:
        """One room."""
        name = self.names[index]
        image = load_image(self.required("images", f"{name}.jpg"))
        labels: dict[str, NDArray[np.generic]] = {}
        for task in self.tasks:
            folder, suffix = self._FILES[task]
            path = self.required(folder, name + suffix)
            if task == "semseg":
                codes = load_labels(path)
                # 0 wraps round to 255, which is "ignored".
                label: NDArray[np.generic] = codes - np.uint8(1)
            else:
                label = load_array(path).astype(np.float32)
            labels[task] = matched(label, image.shape[:2], path)
        return Sample(image, labels)

    def draw_view(self, rng: np.random.Generator) -> View:
        """Mirrored half of the time; one of three enlargements."""
        return View(bool(rng.random() < 0.5), zoom=float(rng.choice([1.0, 1.2, 1.5])))
