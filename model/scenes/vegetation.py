"""Trees, bushes and hedges: a solid core in the crown's shape with leaves around it."""

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.geometry import Mesh, blob, box, leaves, limb
from m3vit.model.scenes.parts import FOLIAGE, MATTE, VEGETATION, Material, Thing

GREENS = (
    (0.07, 0.15, 0.03),
    (0.12, 0.20, 0.04),
    (0.05, 0.11, 0.04),
    (0.18, 0.22, 0.06),
    (0.09, 0.17, 0.07),
    (0.28, 0.20, 0.05),
    (0.26, 0.10, 0.04),
    (0.13, 0.15, 0.08),
)
# Autumn tones are rarer than greens.
_GREEN_ODDS = (0.22, 0.2, 0.17, 0.12, 0.13, 0.05, 0.03, 0.08)


def foliage_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """A leaf colour, linear reflectance."""
    return np.array(GREENS[rng.choice(len(GREENS), p=_GREEN_ODDS)]) * rng.uniform(0.7, 1.5)


def _crown(
    rng: np.random.Generator,
    radii: NDArray[np.float64],
    centre: NDArray[np.float64],
    colour: NDArray[np.float64],
    count: int,
) -> list[tuple[Mesh, Material]]:
    """An ellipsoid of leaves over a darker core."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reach = rng.uniform(0.82, 1.1, (count, 1))
    outward = direction / radii
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    size = float(np.mean(radii)) * 0.16 + 0.05
    core = blob(radii * 0.86, centre, colour * 0.6, rng, 0.12)
    foliage = leaves(centre + direction * radii * reach, outward, size, colour, rng)
    return [(core, MATTE), (foliage, FOLIAGE)]


def tree(rng: np.random.Generator, height: float, detail: float = 1.0) -> Thing:
    """A broad-leaved tree, a column-shaped one or a conifer, trunk at the origin.

    Args:
        detail: 1 for a tree near the camera, less for one far away (fewer leaves).
    """
    colour = foliage_colour(rng)
    bark = np.array([0.12, 0.08, 0.05]) * rng.uniform(0.6, 2.0)
    kind = rng.choice(["broad", "broad", "broad", "column", "conifer"])
    parts: list[tuple[Mesh, Material]] = []
    trunk = height * (rng.uniform(0.2, 0.4) if kind == "broad" else rng.uniform(0.05, 0.2))
    lean = rng.normal(size=2) * 0.02 * height
    top = np.array([lean[0], lean[1], height * 0.7])
    parts.append((limb([0, 0, -0.3], top, 0.02 * height + 0.05, 0.01 * height + 0.02, bark), MATTE))
    leaf_count = int(650 * detail)
    if kind == "conifer":
        layers = int(rng.integers(4, 7))
        for layer in range(layers):
            t = layer / layers
            radius = height * 0.2 * (1 - t) + 0.15
            radii = np.array([radius, radius, height / layers * 0.75])
            centre = np.array([0, 0, trunk + (height - trunk) * (t + 0.4 / layers)])
            parts += _crown(rng, radii, centre, colour * 0.8, leaf_count // layers)
    elif kind == "column":
        radii = np.array([0.14, 0.14, 0.5]) * height * np.array([1, 1, 0.9])
        parts += _crown(rng, radii, np.array([0, 0, height * 0.55]), colour, leaf_count)
    else:
        spread = rng.uniform(0.22, 0.36) * height
        lobes = int(rng.integers(3, 7))
        for lobe in range(lobes):
            angle = 2 * np.pi * lobe / lobes + rng.uniform(0, 1)
            out = spread * rng.uniform(0.2, 0.6)
            centre = np.array(
                [
                    lean[0] + out * np.cos(angle),
                    lean[1] + out * np.sin(angle),
                    trunk + (height - trunk) * rng.uniform(0.35, 0.75),
                ]
            )
            radii = spread * rng.uniform(0.45, 0.8, 3) * np.array([1, 1, 0.85])
            parts.append((limb([lean[0] / 2, lean[1] / 2, trunk], centre, 0.05, 0.03, bark), MATTE))
            parts += _crown(rng, radii, centre, colour, leaf_count // lobes)
    return Thing(VEGETATION, tuple(parts))


def bush(rng: np.random.Generator, radius: float, detail: float = 1.0) -> Thing:
    """A low round shrub, sometimes in flower."""
    colour = foliage_colour(rng)
    radii = radius * rng.uniform(0.7, 1.2, 3)
    centre = np.array([0, 0, radii[2] * 0.6])
    parts = _crown(rng, radii, centre, colour, int(220 * detail))
    if rng.random() < 0.3:
        petals = rng.uniform(0.1, 0.8, 3)
        parts += _crown(rng, radii * 1.02, centre, petals, int(60 * detail))[1:]
    return Thing(VEGETATION, tuple(parts))


def hedge(rng: np.random.Generator, length: float, height: float) -> Thing:
    """A clipped hedge along x."""
    colour = foliage_colour(rng)
    thickness = rng.uniform(0.6, 1.2)
    body = box([length, thickness, height], colour=colour * 0.65)
    area = length * (2 * height + thickness)
    count = int(min(60 * area, 1500))
    u = rng.uniform(-0.5, 0.5, count) * length
    w = rng.uniform(0, 2 * height + thickness, count)
    front, over = w < height, (w >= height) & (w < height + thickness)
    y = np.where(front, -thickness / 2, np.where(over, w - height - thickness / 2, thickness / 2))
    z = np.where(front, w, np.where(over, height, 2 * height + thickness - w))
    outward = np.stack([0 * u, np.where(over, 0, np.sign(y)), over * 1.0], -1)
    points = np.stack([u, y, z], -1) + rng.normal(size=(count, 3)) * 0.04
    foliage = leaves(points, outward, 0.13, colour, rng)
    return Thing(VEGETATION, ((body, MATTE), (foliage, FOLIAGE)))
