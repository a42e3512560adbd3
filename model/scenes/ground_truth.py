"""Exact labels of a rendered picture: classes, depth, normals and edges."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.parts import SKY, VEGETATION, World
from m3vit.model.scenes.renderer import Layers

FAR = 80.0
"""Depths beyond this many metres are stored as 0 = invalid, as are those of the sky."""

EDGE_DEPTH_RATIO = 1.10
EDGE_NORMAL_COSINE = float(np.cos(np.radians(40)))


@dataclass(frozen=True)
class Truth:
    """Labels of one picture.

    Attributes:
        labels: (h, w) uint8 class indices.
        depth: (h, w) float32 metres along the optical axis, 0 = invalid.
        normals: (h, w, 3) float32 unit vectors in camera axes (x right, y up, z towards the
            viewer), all-zero for the sky. Surfaces are two-sided: a vector always points to
            the viewer's side of its surface.
        edges: (h, w) bool, see `edges`.
    """

    labels: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    edges: NDArray[np.bool_]


def edges(
    thing: NDArray[np.int32],
    labels: NDArray[np.uint8],
    depth: NDArray[np.floating[Any]],
    normals: NDArray[np.floating[Any]],
) -> NDArray[np.bool_]:
    """Boundaries one pixel wide, (h, w) bool.

    Two pixels that share a side have an edge between them if they show
    * different classes, or
    * different objects, or
    * depths whose ratio exceeds 1.10, except between two points of one plane, where a grazing
      view alone makes such steps (the normals agree within 5 degrees), or
    * normals more than 40 degrees apart.
    The last two do not apply inside vegetation, whose leaves would make everything an edge.
    The edge is drawn on the nearer of the two pixels (the one whose outline it is; the sky is
    infinitely far); at equal depths on the left or upper one.

    Args:
        thing: (h, w) object indices. labels, depth, normals: as in `Truth`; here depth is
            unlimited (not cut at 80 m) and 0 only for the sky.
    """
    result = np.zeros(labels.shape, np.bool_)
    far = np.where(depth > 0, depth, np.inf)
    for axis in (0, 1):
        first = [slice(None), slice(None)]
        second = [slice(None), slice(None)]
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(first), tuple(second)
        seen = (depth[a] > 0) & (depth[b] > 0)
        near = np.minimum(far[a], far[b])
        step = seen & (np.where(seen, np.maximum(depth[a], depth[b]), 0) > EDGE_DEPTH_RATIO * near)
        cosine = (normals[a] * normals[b]).sum(-1)
        step &= cosine < np.cos(np.radians(5))
        crease = seen & (cosine < EDGE_NORMAL_COSINE)
        leafy = (labels[a] == VEGETATION) & (labels[b] == VEGETATION)
        boundary = (labels[a] != labels[b]) | (thing[a] != thing[b]) | ((step | crease) & ~leafy)
        result[a] |= boundary & (far[a] <= far[b])
        result[b] |= boundary & (far[a] > far[b])
    return result


def truth(world: World, layers: Layers) -> Truth:
    """Labels of a rendered world."""
    classes = np.array([thing.label for thing in world.things] + [SKY], np.uint8)
    labels = classes[layers.thing]
    outline = edges(layers.thing, labels, layers.depth, layers.normal)
    depth = np.where(layers.depth <= FAR, layers.depth, 0).astype(np.float32)
    return Truth(labels, depth, layers.normal.astype(np.float32), outline)
