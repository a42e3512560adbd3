"""Frames for a stream: of a camera or a video file, or a window that moves over one picture."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3vit.errors import UserError
from m3vit.host.image import centred_box, read_rgb

WINDOW = 0.6
"""Of the largest window that fits into the picture, what is seen at once."""


def panning(
    path: str | Path, size: tuple[int, int], count: int, period: int = 48
) -> Iterator[NDArray[np.uint8]]:
    """A window that goes around in one picture; the same frames every time.

    Args:
        path: of the picture.
        size: height and width of a frame.
        count: frames.
        period: frames until the window is back.

    Raises:
        UserError: the file cannot be read as a picture.
    """
    picture = read_rgb(Path(path))
    height, width = size
    left, top, right, bottom = centred_box(picture.width, picture.height, width / height)
    wide, high = WINDOW * (right - left), WINDOW * (bottom - top)
    for number in range(count):
        angle = 2 * math.pi * number / period
        x = (picture.width - wide) * (1 + math.cos(angle)) / 2
        y = (picture.height - high) * (1 + math.sin(angle)) / 2
        box = (x, y, x + wide, y + high)
        yield np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))


def captured(source: int | str | Path, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Frames of a camera or a video file through OpenCV, until it ends.

    They are cut to the proportions of `size` around the centre and resized, bilinear.

    Args:
        source: number of a camera, or path of a file.
        size: height and width of a frame.

    Raises:
        UserError: no OpenCV, or the source cannot be opened.
    """
    height, width = size
    with _opened(source) as (cv2, capture):
        while True:
            there, frame = capture.read()
            if not there:
                return
            picture = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            box = centred_box(picture.width, picture.height, width / height)
            yield np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))


@contextmanager
def _opened(source: int | str | Path) -> Iterator[tuple[Any, Any]]:
    """OpenCV and a capture of it, released in the end."""
    try:
        cv2: Any = import_module("cv2")  # no dependency, so checkers of types may not see it
    except ImportError as error:
        raise UserError(
            "cameras and video files are read through OpenCV, which is not here: "
            "pip install opencv-python-headless"
        ) from error
    capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    try:
        if not capture.isOpened():
            what = f"camera {source}" if isinstance(source, int) else source
            raise UserError(f"{what} cannot be opened: check that it is there and not in use")
        yield cv2, capture
    finally:
        capture.release()
