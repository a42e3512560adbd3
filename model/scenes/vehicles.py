"""Cars, vans, buses and lorries, pointing along +y, wheels on the ground at the origin."""

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.geometry import Mesh, box, join, lathe, lifted, prism
from m3vit.model.scenes.parts import GLOSSY, MATTE, VEHICLE, Material, Thing

PAINTS = (
    (0.6, 0.6, 0.6),
    (0.75, 0.75, 0.74),
    (0.03, 0.03, 0.035),
    (0.15, 0.15, 0.16),
    (0.35, 0.03, 0.03),
    (0.04, 0.08, 0.3),
    (0.05, 0.2, 0.1),
    (0.55, 0.35, 0.05),
    (0.3, 0.28, 0.24),
    (0.1, 0.25, 0.4),
)
GLASS = (0.02, 0.025, 0.03)
RUBBER = (0.015, 0.015, 0.015)


def _outline(width: float, y0: float, y1: float, z: float) -> NDArray[np.float64]:
    """A level rectangle from y0 (rear) to y1 (front), (4, 3)."""
    a = width / 2
    return np.array([[-a, y0, z], [a, y0, z], [a, y1, z], [-a, y1, z]])


def _wheel(x: float, y: float, radius: float) -> Mesh:
    """A wheel standing upright, axle along x."""
    disc = lathe(
        [radius * 0.55, radius * 0.6, radius, radius, radius * 0.6, radius * 0.55],
        [-0.11, -0.1, -0.09, 0.09, 0.1, 0.11],
        colour=RUBBER,
        segments=12,
    )
    hub = lathe([0.0, radius * 0.55], [0.11, 0.11], colour=(0.3, 0.3, 0.3), segments=8)
    back = lathe([0.0, radius * 0.55], [-0.11, -0.11], colour=(0.3, 0.3, 0.3), segments=8)
    mesh = join([disc, hub, back])
    # Axle from z to x.
    swap = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)
    return Mesh(
        (mesh.vertices @ swap.T + np.array([x, y, radius])).astype(np.float32),
        mesh.faces,
        (mesh.normals @ swap.T).astype(np.float32),
        mesh.texcoords,
        mesh.colours,
    )


def _lights(width: float, rear: float, front: float, z: float) -> list[Mesh]:
    """Head lamps, tail lamps and number plates."""
    lamps = []
    for x in (-width * 0.36, width * 0.36):
        lamps.append(box([width * 0.18, 0.06, 0.14], (x, front, z), (0.8, 0.8, 0.75)))
        lamps.append(box([width * 0.15, 0.06, 0.18], (x, rear, z + 0.05), (0.5, 0.02, 0.02)))
    lamps.append(box([0.5, 0.05, 0.12], (0, front, z - 0.2), (0.8, 0.8, 0.7)))
    lamps.append(box([0.5, 0.05, 0.12], (0, rear, z - 0.1), (0.8, 0.8, 0.7)))
    return lamps


def car(rng: np.random.Generator) -> Thing:
    """A saloon, hatchback, estate, off-roader or pick-up."""
    paint = np.array(PAINTS[rng.integers(len(PAINTS))]) * rng.uniform(0.7, 1.2)
    width, length = rng.uniform(1.65, 1.95), rng.uniform(3.6, 4.9)
    waist, height = rng.uniform(0.8, 1.0), rng.uniform(1.4, 1.6)
    if rng.random() < 0.3:
        waist, height = waist + 0.15, height + 0.2
    rear, front = -length / 2, length / 2
    bonnet = rng.uniform(0.2, 0.3) * length
    boot = rng.choice([0.02, 0.05, 0.18, 0.3]) * length
    wheel = rng.uniform(0.3, 0.36)
    sill = _outline(width, rear + 0.05, front - 0.05, wheel * 0.7)
    belt = _outline(width, rear, front, waist * 0.62)
    shoulder = _outline(width * 0.96, rear + 0.08, front - 0.15, waist)
    shoulder[2:, 2] -= 0.1
    body = join([prism(sill, belt, paint, lid=False), prism(belt, shoulder, paint)])
    low = _outline(width * 0.92, rear + boot, front - bonnet, waist - 0.06)
    rake, slope = rng.uniform(0.5, 0.8), rng.uniform(0.1, 0.5)
    high = _outline(width * 0.74, rear + boot + slope, front - bonnet - rake, height - 0.05)
    cabin = prism(low, high, GLASS, lid=False)
    roof = prism(high, lifted(high * [0.97, 1, 1], 0.05), paint)
    pillar = []
    middle = (low[0, 1] + high[2, 1]) / 2
    for side in (-1, 1):
        foot, head = [side * width * 0.465, middle, waist], [side * width * 0.375, middle, height]
        ring = np.array([[-0.04, -0.04, 0], [0.04, -0.04, 0], [0.04, 0.04, 0], [-0.04, 0.04, 0]])
        pillar.append(prism(ring + foot, ring + head, paint, lid=False))
    wheels = [
        _wheel(x, y, wheel)
        for x in (-width / 2 + 0.08, width / 2 - 0.08)
        for y in (rear + length * 0.19, front - length * 0.19)
    ]
    matte = join(wheels + _lights(width, rear, front, waist * 0.6))
    shiny = join([body, cabin, roof, *pillar])
    return Thing(VEHICLE, ((shiny, GLOSSY), (matte, MATTE)))


def van(rng: np.random.Generator) -> Thing:
    """A delivery van, a bus or a lorry."""
    kind = rng.choice(["van", "bus", "lorry"], p=[0.55, 0.25, 0.2])
    paint = np.array(PAINTS[rng.integers(len(PAINTS))]) * rng.uniform(0.7, 1.2)
    size = {"van": (1.95, 5.2, 2.2), "bus": (2.5, 10.5, 3.1), "lorry": (2.4, 8.0, 3.3)}[str(kind)]
    width, length, height = np.array(size) * rng.uniform(0.9, 1.1, 3)
    rear, front = -length / 2, length / 2
    floor, waist = 0.4, 0.42 * height
    meshes: list[Mesh] = []
    if kind == "lorry":
        cab = front - 2.2
        box_colour = np.array(PAINTS[rng.integers(len(PAINTS))])
        cargo = _outline(width * 1.05, rear, cab - 0.15, 0.9)
        meshes.append(prism(cargo, lifted(cargo, height - 0.9), box_colour))
        rear_of_cab, glass_rear, cab_height = cab, cab + 0.6, height * 0.8
    else:
        rear_of_cab, cab_height = rear, height
        glass_rear = rear + 0.3 if kind == "bus" else front - 2.0
    low = _outline(width, rear_of_cab, front, floor)
    middle = _outline(width, rear_of_cab, front, waist)
    meshes.append(prism(low, middle, paint))
    slope = 0.05 if kind == "bus" else 0.7
    sill = _outline(width * 0.99, glass_rear, front - 0.02, waist)
    band = _outline(width * 0.94, glass_rear, front - slope, waist + 0.36 * (cab_height - floor))
    glazing = prism(sill, band, GLASS, lid=False)
    top = _outline(width * 0.94, rear_of_cab, front - slope, cab_height)
    upper = _outline(width * 0.94, rear_of_cab, front - slope, band[0, 2])
    meshes.append(prism(upper, top, paint))
    if glass_rear > rear_of_cab:
        solid = _outline(width * 0.99, rear_of_cab, glass_rear, waist)
        meshes.append(prism(solid, lifted(solid * [0.95, 1, 1], band[0, 2] - waist), paint))
    radius = 0.34 if kind == "van" else 0.48
    wheels = [
        _wheel(x, y, radius)
        for x in (-width / 2 + 0.1, width / 2 - 0.1)
        for y in (rear + length * 0.2, front - length * 0.18)
    ]
    matte = join(wheels + _lights(width, rear, front, 0.75))
    parts: list[tuple[Mesh, Material]] = [
        (join([*meshes, glazing]), GLOSSY),
        (matte, MATTE),
    ]
    return Thing(VEHICLE, tuple(parts))


def vehicle(rng: np.random.Generator) -> Thing:
    """Any vehicle; four in five are cars."""
    return car(rng) if rng.random() < 0.8 else van(rng)
