"""A contact sheet of scenes with their labels, for people to look at."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3vit.files import atomic_path
from m3vit.model.scenes.ground_truth import FAR
from m3vit.model.scenes.scene import Scene

PALETTE = np.array(
    [
        (96, 64, 112),
        (226, 140, 214),
        (112, 112, 112),
        (52, 132, 44),
        (152, 232, 140),
        (98, 166, 224),
        (24, 36, 164),
        (220, 24, 60),
        (242, 202, 40),
    ],
    np.uint8,
)
"""Display colour of each class, in the order of `CLASS_NAMES`."""

_GAP = 2


def panels(scene: Scene) -> NDArray[np.uint8]:
    """Photograph, classes, depth, normals and edges side by side, (h, 5 w + gaps, 3).

    Depth is brighter when nearer and black where invalid; normals show x, y, z as red, green, blue.
    """
    truth = scene.truth
    nearness = np.log(FAR / np.clip(truth.depth, 0.5, FAR)) / np.log(FAR / 0.5)
    grey = np.where(truth.depth > 0, 40 + 215 * nearness, 0)
    normals = np.where(truth.normals.any(-1, keepdims=True), 127.5 + 127.5 * truth.normals, 0)
    pictures = [
        scene.rgb,
        PALETTE[truth.labels],
        np.repeat(grey[..., None], 3, -1).astype(np.uint8),
        normals.astype(np.uint8),
        np.repeat(255 * truth.edges[..., None].astype(np.uint8), 3, -1),
    ]
    gap = np.full((scene.rgb.shape[0], _GAP, 3), 255, np.uint8)
    row = [picture for panel in pictures for picture in (panel, gap)]
    return np.concatenate(row[:-1], axis=1)


def contact_sheet(scenes: Iterable[Scene], path: str | Path, columns: int = 1) -> Path:
    """Write a PNG with the `panels` of scenes of one size, `columns` scenes per row.

    Raises:
        ValueError: no scene, or less than one column.
    """
    tiles = [panels(scene) for scene in scenes]
    if not tiles or columns < 1:
        raise ValueError("a contact sheet needs at least one scene and one column")
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + _GAP), columns * (width + _GAP), 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = row * (height + _GAP), column * (width + _GAP)
        sheet[top : top + height, left : left + width] = tile
    with atomic_path(path) as fresh:
        Image.fromarray(sheet).save(fresh, format="PNG")
    return Path(path)
