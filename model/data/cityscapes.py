"""Cityscapes with seven classes and depth, from the official or the prepared download."""

import json
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3vit.errors import UserError
from m3vit.model.data.dataset import DenseDataset
from m3vit.model.data.files import load_array, load_image, load_labels, matched
from m3vit.model.data.views import Sample, View

CLASS_NAMES = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")

# Number of the category of each label id; ids 0-6 are void.
CATEGORY_OF_ID = np.full(256, 255, np.uint8)
for _category, _ids in enumerate(
    (range(7, 11), range(11, 17), range(17, 21), range(21, 23), (23,), (24, 25), range(26, 34))
):
    CATEGORY_OF_ID[list(_ids)] = _category

# Of cameras without a calibration file: metres and pixels of the full-size picture.
BASELINE, FOCAL_LENGTH = 0.209313, 2262.52


class Cityscapes(DenseDataset):
    """Street pictures; the input is raw [0, 1], for the original code never normalises it.

    Two layouts are understood. The official one gives depth in metres, baseline * focal length /
    disparity. The prepared one (arrays of 128x256, as MTAN and M³ViT use) holds inverse depth,
    which is delivered as it is: its unit is not metres. In both, 0 means no value.
    Training: one of three enlargements (1, 1.2, 1.5) of a random part, mirrored half of the time.
    """

    NAME = "Cityscapes"
    FOLDER = "cityscapes"
    LAYOUT = (
        "Download leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip, and for depth "
        "disparity_trainvaltest.zip and camera_trainvaltest.zip from the Cityscapes site (it asks "
        "for registration) and unpack them into one folder, so that there are\n"
        "  leftImg8bit/{train,val}/CITY/NAME_leftImg8bit.png\n"
        "  gtFine/{train,val}/CITY/NAME_gtFine_labelIds.png\n"
        "  disparity/{train,val}/CITY/NAME_disparity.png\n"
        "  camera/{train,val}/CITY/NAME_camera.json (optional)\n"
        "or use the prepared arrays of MTAN:\n"
        "  {train,val}/image/0.npy ...  {train,val}/label_7/0.npy ...  {train,val}/depth/0.npy ..."
    )
    CHANNELS: ClassVar[dict[str, int]] = {"semseg": 7, "depth": 1}
    CLASS_NAMES = CLASS_NAMES
    SIZE = (128, 256)
    MEAN = (0.0, 0.0, 0.0)
    STD = (1.0, 1.0, 1.0)
    _PREPARED: ClassVar[dict[str, str]] = {"semseg": "label_7", "depth": "depth"}
    _OFFICIAL: ClassVar[dict[str, tuple[str, str]]] = {
        "semseg": ("gtFine", "gtFine_labelIds"),
        "depth": ("disparity", "disparity"),
    }

    def locate(self) -> None:
        """The names of the pictures; the folders that the tasks need must be there."""
        self.is_prepared = (self.root / self.split / "image").is_dir()
        if self.is_prepared:
            for task in self.tasks:
                self.required(self.split, self._PREPARED[task])
            count = len(list((self.root / self.split / "image").glob("*.npy")))
            self.names = [str(number) for number in range(count)]
        else:
            folder = self.required("leftImg8bit", self.split)
            for task in self.tasks:
                self.required(self._OFFICIAL[task][0], self.split)
            pictures = sorted(folder.glob("*/*_leftImg8bit.png"))
            self.names = [
                f"{path.parent.name}/{path.name.removesuffix('_leftImg8bit.png')}"
                for path in pictures
            ]
        if not self.names:
            raise UserError(f"{self.root} holds no picture of {self.split!r}. {self.LAYOUT}")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Sample:
        """One street."""
        name = self.names[index]
        return self._read_prepared(name) if self.is_prepared else self._read_official(name)

    def _read_prepared(self, name: str) -> Sample:
        """Arrays: image (h, w, 3) in 0..1, label_7 (h, w) with -1 for void, depth (h, w, 1)."""
        path = self.required(self.split, "image", f"{name}.npy")
        image = load_array(path).astype(np.float32)
        if image.ndim != 3 or image.shape[2] != 3:
            raise UserError(f"{path} is no picture of (height, width, 3): get the arrays again")
        labels: dict[str, NDArray[np.generic]] = {}
        for task in self.tasks:
            path = self.required(self.split, self._PREPARED[task], f"{name}.npy")
            array = matched(load_array(path), image.shape[:2], path)
            if task == "semseg":
                labels[task] = np.where(array < 0, 255, array).astype(np.uint8)
            else:
                labels[task] = array.reshape(image.shape[:2]).astype(np.float32)
        return Sample(image, labels)

    def _read_official(self, name: str) -> Sample:
        """Full-size PNGs, reduced at once: the picture by averaging, labels by picking."""
        path = self.required("leftImg8bit", self.split, f"{name}_leftImg8bit.png")
        full = load_image(path)
        height, width = self.image_size
        reduced = Image.fromarray(full).resize((width, height), Image.Resampling.BILINEAR)
        labels: dict[str, NDArray[np.generic]] = {}
        for task in self.tasks:
            folder, suffix = self._OFFICIAL[task]
            path = self.required(folder, self.split, f"{name}_{suffix}.png")
            codes = matched(load_labels(path), self.image_size, path)
            labels[task] = CATEGORY_OF_ID[codes] if task == "semseg" else self._metres(name, codes)
        return Sample(np.asarray(reduced), labels)

    def _metres(self, name: str, codes: NDArray[np.generic]) -> NDArray[np.float32]:
        """Depth from the official 16-bit disparity, (code - 1) / 256 pixels, 0 = none."""
        baseline, focal_length = BASELINE, FOCAL_LENGTH
        calibration = self.root / "camera" / self.split / f"{name}_camera.json"
        if calibration.exists():
            try:
                camera = json.loads(calibration.read_text())
                baseline = float(camera["extrinsic"]["baseline"])
                focal_length = float(camera["intrinsic"]["fx"])
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{calibration} is no camera calibration ({error!r}): unpack it again"
                ) from error
        disparity = (codes.astype(np.float32) - 1) / 256
        valid = disparity > 0
        depth = baseline * focal_length / np.where(valid, disparity, 1)
        return np.where(valid, depth, 0).astype(np.float32)

    def draw_view(self, rng: np.random.Generator) -> View:
        """A random part, enlarged, mirrored half of the time."""
        zoom = float(rng.choice([1.0, 1.2, 1.5]))
        return View(
            bool(rng.random() < 0.5),
            zoom=zoom,
            across=float(rng.random()),
            down=float(rng.random()),
        )
