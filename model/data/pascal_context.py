"""PASCAL-Context with five tasks, in the multi-task layout that ASTMT, MTI-Net and M³ViT use."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.model.data.dataset import DenseDataset
from m3vit.model.data.files import load_image, load_labels, load_matlab, matched
from m3vit.model.data.thinning import thin
from m3vit.model.data.views import Sample, View
from m3vit.model.tasks import IGNORED

# fmt: off
CLASS_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)
# fmt: on
PERSON = 15

# PASCAL-Part's names of a person's parts -> head 1, torso 2, upper and lower arms 3 and 4, upper
# and lower legs 5 and 6; hands count to the lower arms and feet to the lower legs.
PARTS = {
    part: number
    for number, parts in enumerate(
        (
            ("hair", "head", "lear", "rear", "lebrow", "rebrow", "leye", "reye", "mouth", "nose"),
            ("neck", "torso"),
            ("luarm", "ruarm"),
            ("llarm", "rlarm", "lhand", "rhand"),
            ("luleg", "ruleg"),
            ("llleg", "rlleg", "lfoot", "rfoot"),
        ),
        start=1,
    )
    for part in parts
}

# Numbers of the 459 PASCAL-Context classes whose name NYUD also has, and of "tvmonitor".
# fmt: off
NORMALS_CLASSES = frozenset((
    3, 4, 6, 9, 10, 11, 13, 15, 17, 18, 22, 23, 29, 30, 33, 34, 36, 37, 38, 39, 41, 43, 46, 49,
    50, 51, 53, 55, 56, 59, 61, 62, 65, 66, 68, 69, 72, 73, 78, 83, 84, 85, 87, 88, 95, 96, 101,
    104, 105, 107, 111, 113, 115, 122, 124, 135, 141, 142, 143, 146, 150, 154, 157, 158, 159,
    165, 172, 174, 181, 183, 184, 191, 193, 195, 197, 199, 202, 213, 215, 216, 219, 220, 223,
    225, 228, 230, 232, 233, 238, 239, 242, 243, 246, 250, 251, 252, 255, 260, 261, 263, 269,
    272, 273, 275, 281, 283, 284, 285, 286, 287, 288, 290, 291, 292, 293, 295, 304, 307, 309,
    310, 314, 315, 319, 323, 329, 330, 331, 336, 342, 345, 349, 350, 351, 352, 355, 357, 368,
    370, 371, 374, 379, 380, 383, 384, 397, 401, 403, 405, 407, 408, 411, 412, 413, 414, 417,
    419, 421, 423, 427, 429, 430, 432, 440, 441, 442, 443, 444, 446, 454, 457,
))
# fmt: on


class PASCALContext(DenseDataset):
    """4998 training and 5105 validation pictures.

    Saliency and normals were distilled from other networks by the data's authors; edges are the
    boundaries of the 459-class annotation, thinned. Normals count only on classes that also occur
    in NYUD, on which their teacher was trained. A picture without persons has no human parts
    (all ignored). Training: mirrored, turned by up to 20 degrees, enlarged 0.75 to 1.25 times.
    """

    NAME = "PASCAL-Context"
    FOLDER = "PASCAL_MT"
    LAYOUT = (
        "Download the multi-task version PASCAL_MT (PASCAL_MT.tgz, linked by the ASTMT, MTI-Net "
        "and M³ViT repositories) and unpack it, so that there are\n"
        "  ImageSets/Context/train.txt, ImageSets/Context/val.txt\n"
        "  JPEGImages/NAME.jpg  pascal-context/trainval/NAME.mat  human_parts/NAME.mat\n"
        "  semseg/VOC12/NAME.png or semseg/pascal-context/NAME.png\n"
        "  sal_distill/NAME.png  normals_distill/NAME.png"
    )
    CHANNELS: ClassVar[dict[str, int]] = {
        "semseg": 21,
        "human_parts": 7,
        "sal": 1,
        "normals": 3,
        "edge": 1,
    }
    CLASS_NAMES = CLASS_NAMES
    SIZE = (512, 512)

    def locate(self) -> None:
        """The names of the pictures; the folders that the tasks need must be there."""
        folders = {
            "semseg": ["semseg"],
            "human_parts": ["human_parts"],
            "sal": ["sal_distill"],
            "normals": ["normals_distill", "pascal-context"],
            "edge": ["pascal-context"],
        }
        self.required("JPEGImages")
        for task in self.tasks:
            for folder in folders[task]:
                self.required(folder)
        self.names = self.listed("ImageSets", "Context", f"{self.split}.txt")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Sample:
        """One picture."""
        name = self.names[index]
        image = load_image(self.required("JPEGImages", f"{name}.jpg"))
        readers = {
            "semseg": self._semseg,
            "human_parts": self._human_parts,
            "sal": self._saliency,
            "normals": self._normals,
            "edge": self._edges,
        }
        labels = {}
        for task in self.tasks:
            label = readers[task](name, image.shape[:2])
            labels[task] = matched(label, image.shape[:2], self.root / name)
        return Sample(image, labels)

    def draw_view(self, rng: np.random.Generator) -> View:
        """Mirrored half of the time, turned and enlarged."""
        return View(
            bool(rng.random() < 0.5),
            turn=float(rng.uniform(-20, 20)),
            zoom=float(rng.uniform(0.75, 1.25)),
        )

    def _semseg(self, name: str, size: tuple[int, ...]) -> NDArray[Any]:
        """The 21 classes; PASCAL VOC's own annotation where there is one."""
        del size
        voc = self.root / "semseg" / "VOC12" / f"{name}.png"
        if voc.exists():
            return load_labels(voc)
        return load_labels(self.required("semseg", "pascal-context", f"{name}.png"))

    def _label_map(self, name: str) -> NDArray[np.int64]:
        """The 459-class annotation, (H, W)."""
        path = self.required("pascal-context", "trainval", f"{name}.mat")
        try:
            return np.asarray(load_matlab(path)["LabelMap"]).astype(np.int64)
        except KeyError as error:
            raise UserError(f"{path} has no LabelMap: unpack {self.NAME} again") from error

    def _edges(self, name: str, size: tuple[int, ...]) -> NDArray[np.float32]:
        """Where the label differs from the mean of its four neighbours, one pixel wide."""
        del size
        padded = np.pad(self._label_map(name), 1, mode="reflect")
        centre = padded[1:-1, 1:-1]
        around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        return thin(around != 4 * centre).astype(np.float32)

    def _normals(self, name: str, size: tuple[int, ...]) -> NDArray[np.float32]:
        """Unit vectors, all-zero on classes that the teacher did not know."""
        codes = load_image(self.required("normals_distill", f"{name}.png"))
        label_map = matched(self._label_map(name), codes.shape[:2], self.root / name)
        normals = codes.astype(np.float32) * np.float32(2 / 255) - 1
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        known = np.isin(label_map, list(NORMALS_CLASSES))[..., None] & (length > 1e-6)
        del size
        return np.where(known, normals / np.maximum(length, 1e-6), 0).astype(np.float32)

    def _saliency(self, name: str, size: tuple[int, ...]) -> NDArray[np.float32]:
        """1 where the distilled map is above a half."""
        del size
        return (load_labels(self.required("sal_distill", f"{name}.png")) > 127).astype(np.float32)

    def _human_parts(self, name: str, size: tuple[int, ...]) -> NDArray[np.uint8]:
        """0 background, 1..6 parts; all ignored if no person has annotated parts."""
        path = self.required("human_parts", f"{name}.mat")
        label = np.zeros(size[:2], np.uint8)
        try:
            for thing in _as_list(load_matlab(path)["anno"]["objects"]):
                if int(thing["class_ind"]) != PERSON:
                    continue
                for part in _as_list(thing["parts"]):
                    mask = matched(np.asarray(part["mask"]), size, path)
                    label[mask.astype(bool)] = PARTS[str(part["part_name"])]
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(
                f"{path} is no part annotation ({error!r}): unpack {self.NAME} again"
            ) from error
        return label if label.any() else np.full(size[:2], IGNORED, np.uint8)


def _as_list(value: Any) -> list[Any]:
    """A MATLAB structure array: SciPy gives one structure, many, or an empty array."""
    if isinstance(value, dict):
        return [value]
    return list(np.asarray(value, dtype=object).ravel()) if np.size(value) else []
