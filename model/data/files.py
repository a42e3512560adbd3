"""Reading pictures, labels and arrays of data sets, with errors that name the file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from m3vit.errors import UserError


def _damaged(path: Path, error: object) -> UserError:
    return UserError(f"{path} cannot be read ({error}): unpack or download the data set again")


def load_image(path: Path) -> NDArray[np.uint8]:
    """An RGB picture, (H, W, 3)."""
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error


def load_labels(path: Path) -> NDArray[Any]:
    """The numbers of a one-channel or palette picture, (H, W) uint8 or uint16/int32."""
    try:
        with Image.open(path) as picture:
            codes = np.array(picture)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error
    if codes.ndim != 2:
        raise _damaged(path, f"{codes.ndim} dimensions where one number per pixel is expected")
    return codes


def load_array(path: Path) -> NDArray[Any]:
    """An array of a .npy file."""
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, error) from error
    return array


def load_matlab(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file, structures as dictionaries.

    SciPy is needed for this format only (PASCAL-Context's label maps and part annotations).
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise UserError(
            "reading PASCAL-Context needs SciPy: install the training extra, "
            "pip install 'm3vit[train]'"
        ) from error
    try:
        variables: dict[str, Any] = loadmat(path, simplify_cells=True)
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise _damaged(path, error) from error
    return variables


def matched(label: NDArray[Any], size: tuple[int, ...], path: Path) -> NDArray[Any]:
    """The label at the picture's (height, width), by nearest neighbours if it differs."""
    if label.ndim < 2 or 0 in label.shape:
        raise _damaged(path, f"shape {label.shape}")
    if label.shape[:2] == tuple(size[:2]):
        return label
    row = (np.arange(size[0]) + 0.5) * label.shape[0] / size[0]
    column = (np.arange(size[1]) + 0.5) * label.shape[1] / size[1]
    return label[row.astype(np.intp)[:, None], column.astype(np.intp)]
