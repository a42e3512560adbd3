"""Looking at a labelled picture: mirroring, zooming, turning and resizing it with its labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """A picture and its labels at one resolution.

    Attributes:
        image: (H, W, 3) uint8, or float32 in 0..1.
        labels: task -> (H, W) or, for normals, (H, W, 3).
    """

    image: NDArray[Any]
    labels: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class View:
    """A mirrored, turned and enlarged view of a picture; the default is the picture itself.

    Attributes:
        mirrored: left and right are exchanged first.
        turn: degrees counter-clockwise about the middle.
        zoom: enlargement; below 1 the picture gets a border (zeros in picture and labels, as in
            the papers' code).
        across, down: where the enlarged part lies between the left/upper (0) and right/lower (1)
            limit; a half is the middle.
    """

    mirrored: bool = False
    turn: float = 0.0
    zoom: float = 1.0
    across: float = 0.5
    down: float = 0.5


def look(sample: Sample, view: View, size: tuple[int, int]) -> Sample:
    """The picture (bilinear) and its labels (nearest) in a view at (height, width) `size`.

    Labels stay consistent with the geometry: enlarging divides depths (what is twice as large is
    half as far), mirroring negates the normals' x, turning turns the normals' x and y. Unlike the
    papers' code, normals are not interpolated, so that no label is ever a mixture.

    Returns:
        A sample with a float32 picture in 0..1.
    """
    picture = sample.image
    if picture.dtype == np.uint8:
        picture = picture.astype(np.float32) / np.float32(255)
    labels = dict(sample.labels)
    plain = size == picture.shape[:2] and view.turn == 0 and view.zoom == 1
    if view.mirrored:
        picture = picture[:, ::-1]
        labels = {task: label[:, ::-1] for task, label in labels.items()}
        if "normals" in labels:
            labels["normals"] = labels["normals"] * np.array([-1, 1, 1], np.float32)
    if not plain:
        x, y = _source_positions(picture.shape[:2], size, view)
        picture = _bilinear(picture, x, y)
        labels = {task: _nearest(label, x, y) for task, label in labels.items()}
        if "depth" in labels:
            labels["depth"] = (labels["depth"] / view.zoom).astype(np.float32)
        if "normals" in labels and view.turn != 0:
            labels["normals"] = _turned(labels["normals"], view.turn)
    return Sample(np.ascontiguousarray(picture, dtype=np.float32), labels)


def _source_positions(
    source: tuple[int, ...], size: tuple[int, int], view: View
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each output pixel's centre lies in the source, x and y in source pixels, (h, w)."""
    height, width = source[:2]
    # Pixel centres are at half-integers; 0..1 spans the picture.
    x = (np.arange(size[1], dtype=np.float32) + 0.5) / size[1]
    y = (np.arange(size[0], dtype=np.float32) + 0.5) / size[0]
    x, y = np.meshgrid(x, y)
    part = 1 / view.zoom
    x = (0.5 + (view.across - 0.5) * (1 - part) + (x - 0.5) * part) * width
    y = (0.5 + (view.down - 0.5) * (1 - part) + (y - 0.5) * part) * height
    if view.turn != 0:
        angle = np.radians(view.turn)
        right, below = x - width / 2, y - height / 2
        # The inverse turn; y points down.
        x = width / 2 + np.cos(angle) * right - np.sin(angle) * below
        y = height / 2 + np.sin(angle) * right + np.cos(angle) * below
    return (x - 0.5).astype(np.float32), (y - 0.5).astype(np.float32)


def _bilinear(
    picture: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Interpolated values at positions; border pixels repeat for half a pixel, then zeros."""
    height, width = picture.shape[:2]
    outside = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, upper = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, lower = np.minimum(left + 1, width - 1), np.minimum(upper + 1, height - 1)
    a, b = (x - left)[..., None], (y - upper)[..., None]
    above = picture[upper, left] * (1 - a) + picture[upper, right] * a
    below = picture[lower, left] * (1 - a) + picture[lower, right] * a
    result: NDArray[np.float32] = above * (1 - b) + below * b
    result[outside] = 0
    return result


def _nearest(label: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[Any]:
    """The label of the pixel that each position lies in, 0 outside."""
    height, width = label.shape[:2]
    column, row = np.floor(x + 0.5).astype(np.intp), np.floor(y + 0.5).astype(np.intp)
    outside = (column < 0) | (column >= width) | (row < 0) | (row >= height)
    # A position on the far border belongs to the last pixel, not to the outside.
    edge = (np.abs(x + 0.5 - width) < 1e-3) | (np.abs(y + 0.5 - height) < 1e-3)
    result = label[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    result[outside & ~edge] = 0
    return result


def _turned(normals: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """Normals turned with the picture, counter-clockwise (y of a normal points up)."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], -1).astype(np.float32)
