"""Any picture file to the uint8 pixels a network takes, by one stated rule.

The rule, in order: the first frame; turned as its EXIF orientation says; more than 8 bits scaled
to 8; palettes, greyscale and CMYK to RGB; transparency laid on white; cut to the network's
proportions around the centre ("crop") or squeezed into them ("stretch"); bilinear resizing.
"""

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from m3vit.errors import UserError

Fit = Literal["crop", "stretch"]
FULL_SCALE_16 = 65535


@dataclass(frozen=True)
class LoadedImage:
    """A picture at the network's size.

    Attributes:
        pixels: (H, W, 3) uint8.
        name: of the file.
        treatment: what was done to it, in words.
    """

    pixels: NDArray[np.uint8]
    name: str
    treatment: str


def load_image(path: str | Path, size: tuple[int, int], fit: str = "crop") -> LoadedImage:
    """Read a picture file and bring it to the network's size by the rule above.

    Args:
        path: any format that Pillow reads.
        size: height and width.
        fit: "crop" keeps proportions and drops what lies outside; "stretch" keeps everything.

    Raises:
        UserError: the file cannot be read as a picture, or `fit` is neither.
    """
    if fit not in get_args(Fit):
        raise UserError(f"fit '{fit}' is neither {' nor '.join(get_args(Fit))}: choose one of them")
    image = read_rgb(Path(path))
    height, width = size
    box = (0.0, 0.0, float(image.width), float(image.height))
    steps = [f"{image.width}x{image.height}"]
    if fit == "crop":
        box = centred_box(image.width, image.height, width / height)
        if box != (0, 0, image.width, image.height):
            steps.append(f"centre {box[2] - box[0]:.0f}x{box[3] - box[1]:.0f} kept")
    elif image.width * height != image.height * width:
        steps.append("stretched")
    if (image.width, image.height) != (width, height):
        steps.append(f"resized to {width}x{height}")
    resized = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return LoadedImage(np.asarray(resized, np.uint8), Path(path).name, ", ".join(steps))


def read_rgb(path: Path) -> Image.Image:
    """Read a picture file as 8-bit RGB at its own size.

    Raises:
        UserError: the file cannot be read as a picture.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of large files and of odd headers; what it can read is welcome here.
            warnings.simplefilter("ignore")
            with Image.open(path) as file:
                file.load()
                return to_rgb(ImageOps.exif_transpose(file), path)
    except Image.DecompressionBombError:
        raise UserError(
            f"{path} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels: reduce it first"
        ) from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is no picture that can be read: give a PNG or JPEG file") from None
    except FileNotFoundError:
        raise UserError(f"there is no file {path}: check the name") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a directory: give a picture file") from None
    except PermissionError:
        raise UserError(f"{path} may not be read: check its permissions") from None
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError) as error:
        # Decoders of damaged files raise all of these.
        raise UserError(
            f"{path} is damaged or of an unsupported kind ({error}): save it again as PNG or JPEG"
        ) from None


def to_rgb(image: Image.Image, path: Path) -> Image.Image:
    """Convert any of Pillow's modes to 8-bit RGB.

    Integers of more than 8 bits are taken as 16-bit full scale, or as their own range where they
    exceed it. Floats in [0, 1] become 0..255; floats up to 255 are taken as they are; larger
    ones are divided by their maximum.

    Raises:
        UserError: pixels that are not finite or negative.
    """
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        return Image.fromarray(_eight_bits(values, image.mode == "F", path)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: NDArray[np.float64], floats: bool, path: Path) -> NDArray[np.uint8]:
    """Grey values of any depth to 0..255."""
    largest = values.max(initial=0)
    if not np.isfinite(values).all() or values.min(initial=0) < 0:
        raise UserError(
            f"{path} has negative or non-finite pixels: save it again with values from 0 to 1"
        )
    scale = max(FULL_SCALE_16, largest)
    if floats:
        scale = 1 if largest <= 1 else 255 if largest <= 255 else largest
    result: NDArray[np.uint8] = np.rint(values * (255 / scale)).astype(np.uint8)
    return result


def centred_box(width: int, height: int, aspect: float) -> tuple[float, float, float, float]:
    """The largest rectangle of an aspect ratio (width / height) in the middle of a picture.

    Returns:
        left, top, right, bottom; corners may lie between pixels.
    """
    kept_width, kept_height = min(width, height * aspect), min(height, width / aspect)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    return left, top, left + kept_width, top + kept_height


def default_photograph() -> Path:
    """The photograph that scikit-learn ships: a temple in China, 640x427.

    Raises:
        UserError: scikit-learn is not installed.
    """
    # Only looked up: importing scikit-learn takes a second.
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise UserError(
            "the default photograph comes with scikit-learn: name a picture file, or install it "
            "with pip install 'm3vit[demo]'"
        )
    return Path(package.origin).parent / "datasets" / "images" / "china.jpg"
