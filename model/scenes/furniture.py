"""Lamps, signs, traffic lights, bollards, benches and bins, at the origin, facing -y."""

import numpy as np

from m3vit.model.scenes.geometry import Mesh, box, lathe, limb, quads
from m3vit.model.scenes.parts import FURNITURE, MATTE, Material, Thing
from m3vit.model.scenes.textures import SIZE

STEEL = (0.3, 0.3, 0.31)


def lamp(rng: np.random.Generator) -> Thing:
    """A street lamp with an arm, or a lantern on a post."""
    height = rng.uniform(3.5, 9.0)
    tone = np.array(STEEL) * rng.uniform(0.2, 1.5)
    thick = rng.uniform(0.07, 0.12)
    meshes = [
        lathe([thick * 1.6, thick * 1.4, thick, thick * 0.7], [0, 0.8, 0.9, height], colour=tone)
    ]
    if height > 5.5:
        reach = rng.uniform(1.0, 2.2) * rng.choice([-1, 1])
        meshes.append(limb([0, 0, height - 0.1], [reach, 0, height + 0.3], 0.05, 0.04, tone))
        meshes.append(box([0.7, 0.25, 0.12], (reach, 0, height + 0.22), [0.6, 0.6, 0.58]))
    else:
        meshes.append(
            lathe([0.1, 0.22, 0.25, 0.05], [0, 0.1, 0.5, 0.65], (0, 0, height), (0.7, 0.68, 0.6))
        )
    return Thing(FURNITURE, tuple((mesh, MATTE) for mesh in meshes))


def _sign_face(rng: np.random.Generator, shape: str) -> Material:
    """Rim, field and a simple symbol."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1) * 2 - 1
    rim = np.array([[190, 20, 25], [20, 60, 160], [240, 240, 235], [15, 110, 60]])[rng.integers(4)]
    field = np.array([[245, 245, 240], [30, 80, 180], [235, 190, 30], [190, 25, 25]])[
        rng.integers(4)
    ]
    distance = np.hypot(x, y) if shape == "disc" else np.maximum(np.abs(x), np.abs(y))
    picture = np.where((distance > rng.uniform(0.7, 0.85))[..., None], rim, field)
    symbol = (np.abs(x) < rng.uniform(0.1, 0.3)) & (np.abs(y) < rng.uniform(0.3, 0.6))
    symbol |= (np.abs(y) < rng.uniform(0.05, 0.2)) & (np.abs(x) < rng.uniform(0.3, 0.6))
    ink = np.array([20, 20, 20]) if field.sum() > 400 else np.array([245, 245, 245])
    return Material(np.where(symbol[..., None], ink, picture).astype(np.uint8))


def sign(rng: np.random.Generator) -> Thing:
    """A traffic sign: disc, triangle or board on a pole."""
    shape = str(rng.choice(["disc", "triangle", "board"]))
    height = rng.uniform(1.9, 2.8)
    size = rng.uniform(0.3, 0.5)
    corners = {"disc": 12, "triangle": 3, "board": 4}[shape]
    angle = np.arange(corners) * 2 * np.pi / corners + (np.pi / 2 if corners == 3 else np.pi / 4)
    stretch = rng.uniform(1.0, 2.0) if shape == "board" else 1.0
    x, z = size * stretch * np.cos(angle), size * np.sin(angle)
    rim = np.stack([x, np.full(corners, -0.07), z + height], -1)
    centre = np.broadcast_to(np.array([0, -0.07, height]), rim.shape)
    fan = np.stack([rim, np.roll(rim, -1, 0), centre, centre], 1)
    flat = np.array([size * stretch, size])
    texcoords = (fan[..., [0, 2]] - [0, height]) / (2 * flat) + 0.5
    face = quads(fan, texcoords)
    back = quads(fan + np.array([0, 0.02, 0]), colour=(0.35, 0.35, 0.35))
    pole = lathe([0.05, 0.045], [0, height + size * 0.8], colour=STEEL, segments=8)
    return Thing(FURNITURE, ((face, _sign_face(rng, shape)), (back, MATTE), (pole, MATTE)))


def traffic_light(rng: np.random.Generator) -> Thing:
    """A signal head with three lenses on a pole."""
    height = rng.uniform(2.6, 3.6)
    meshes: list[Mesh] = [lathe([0.07, 0.06], [0, height], colour=(0.15, 0.15, 0.15))]
    meshes.append(box([0.3, 0.22, 0.95], (0, -0.12, height - 0.75), (0.02, 0.02, 0.02)))
    lit = rng.integers(3)
    for index, colour in enumerate(((0.0, 0.7, 0.3), (0.8, 0.5, 0.0), (0.8, 0.03, 0.02))):
        tone = np.array(colour) * (1.0 if index == lit else 0.15)
        meshes.append(box([0.2, 0.04, 0.2], (0, -0.25, height - 0.68 + 0.29 * index), tone))
    return Thing(FURNITURE, tuple((mesh, MATTE) for mesh in meshes))


def bench(rng: np.random.Generator) -> Thing:
    """A park bench."""
    wood = np.array([0.25, 0.14, 0.07]) * rng.uniform(0.6, 1.6)
    meshes = [
        box([1.7, 0.5, 0.06], (0, 0, 0.42), wood),
        box([1.7, 0.06, 0.4], (0, 0.25, 0.5), wood),
    ]
    for x in (-0.7, 0.7):
        meshes.append(box([0.08, 0.5, 0.42], (x, 0, 0), (0.08, 0.08, 0.08)))
    return Thing(FURNITURE, tuple((mesh, MATTE) for mesh in meshes))


def bollard_or_bin(rng: np.random.Generator) -> Thing:
    """A bollard or a litter bin."""
    colour = (
        rng.uniform(0.02, 0.35, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(0.03, 0.4))
    )
    radius, height = (0.1, 0.95) if rng.random() < 0.5 else (0.28, 1.0)
    body = lathe([radius, radius, 0.0], [0, height, height + 0.06], colour=colour)
    return Thing(FURNITURE, ((body, MATTE),))


def furniture(rng: np.random.Generator) -> Thing:
    """Any piece that stands at a kerb."""
    make = (lamp, sign, traffic_light, bollard_or_bin, bench)
    return make[rng.choice(5, p=[0.3, 0.33, 0.14, 0.15, 0.08])](rng)
