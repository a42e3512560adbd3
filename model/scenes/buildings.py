"""Houses, blocks, towers, temples and walls in many styles."""

import itertools

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.geometry import Mesh, box, join, lathe, lifted, prism, quads, rectangle
from m3vit.model.scenes.parts import BUILDING, MATTE, Material, Thing
from m3vit.model.scenes.textures import facade, surface

# Linear reflectances of wall materials and roofs; jittered for every building.
WALLS = {
    "brick": ((0.35, 0.12, 0.07), (0.45, 0.22, 0.14), (0.40, 0.33, 0.25), (0.25, 0.14, 0.11)),
    "plaster": (
        (0.75, 0.72, 0.65),
        (0.70, 0.55, 0.30),
        (0.60, 0.32, 0.25),
        (0.45, 0.55, 0.60),
        (0.72, 0.66, 0.50),
        (0.55, 0.62, 0.45),
        (0.45, 0.08, 0.06),
    ),
    "block": ((0.50, 0.45, 0.36), (0.38, 0.36, 0.33), (0.62, 0.57, 0.46)),
    "concrete": ((0.42, 0.42, 0.41), (0.30, 0.31, 0.33), (0.55, 0.53, 0.50)),
    "planks": ((0.30, 0.18, 0.10), (0.60, 0.60, 0.58), (0.25, 0.32, 0.36), (0.40, 0.10, 0.07)),
}
ROOFS = (
    (0.38, 0.14, 0.08),
    (0.14, 0.14, 0.16),
    (0.50, 0.27, 0.10),
    (0.10, 0.25, 0.18),
    (0.25, 0.23, 0.21),
    (0.55, 0.38, 0.10),
)


class Palette:
    """A handful of façades, roofs and plain walls that the buildings of one scene share."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.fronts: list[tuple[Material, Material, Material]] = []
        for _ in range(count):
            kind = str(rng.choice(list(WALLS), p=[0.25, 0.35, 0.12, 0.18, 0.10]))
            options = WALLS[kind]
            colour = np.array(options[rng.integers(len(options))]) * rng.uniform(0.75, 1.2)
            wall = surface(kind, np.clip(colour, 0.03, 0.85), rng)
            windows = facade(wall, rng)
            if rng.random() < 0.15:
                windows = facade(wall, rng, bays=2, storeys=6)
            ground = facade(wall, rng, bays=int(rng.integers(1, 4)), storeys=1, shop=True)
            self.fronts.append((Material(wall), Material(windows), Material(ground)))
        self.roofs = []
        for _ in range(3):
            colour = np.array(ROOFS[rng.integers(len(ROOFS))]) * rng.uniform(0.7, 1.2)
            kind = str(rng.choice(["tiles", "tiles", "metal", "concrete"]))
            self.roofs.append(Material(surface(kind, colour, rng)))

    def front(self, rng: np.random.Generator) -> tuple[Material, Material, Material]:
        """Plain wall, windowed wall and ground floor of the same material."""
        return self.fronts[rng.integers(len(self.fronts))]

    def roof(self, rng: np.random.Generator) -> Material:
        """A roof covering."""
        return self.roofs[rng.integers(len(self.roofs))]


def _fitted(mesh: Mesh, across: float, up: float) -> Mesh:
    """Scale texture coordinates (metres) so that a texture covers `across` x `up` metres."""
    scale = np.array([1 / across, 1 / up], np.float32)
    return Mesh(mesh.vertices, mesh.faces, mesh.normals, mesh.texcoords * scale, mesh.colours)


def _regular(sides: int, radius: float, z: float) -> NDArray[np.float64]:
    """Corners of a level regular polygon, (sides, 3)."""
    angle = np.arange(sides) * 2 * np.pi / sides + np.pi / sides
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(sides, z)], -1)


def swept_roof(
    eave: NDArray[np.float64], top: NDArray[np.float64], curve: float, lift: float, steps: int = 5
) -> Mesh:
    """A roof from an eave ring to a ridge ring, (P, 3) each.

    Args:
        curve: 1 is a plane; above 1 the roof starts flat at the eave and steepens.
        lift: metres by which the corners of the eave rise above its middles.
    """
    corners = len(eave)
    between = 4
    fraction = np.arange(between) / between

    def subdivided(ring: NDArray[np.float64]) -> NDArray[np.float64]:
        following = np.roll(ring, -1, 0)
        points = ring[:, None] + (following - ring)[:, None] * fraction[None, :, None]
        return points.reshape(corners * between, 3)

    low, high = subdivided(eave), subdivided(top)
    rise = lift * np.tile(np.abs(2 * fraction - 1) ** 2, corners)
    rings = []
    for step in range(steps + 1):
        t = step / steps
        ring = low + (high - low) * t
        ring[:, 2] = low[:, 2] + (high[:, 2] - low[:, 2]) * t**curve + rise * (1 - t) ** 2
        rings.append(ring)
    return join([prism(a, b, lid=False) for a, b in itertools.pairwise(rings)]).textured_every(3.0)


def _roof(
    rng: np.random.Generator, kind: str, width: float, depth: float, z: float, material: Material
) -> list[tuple[Mesh, Material]]:
    """A gabled, hipped or flat roof on walls of `width` x `depth` that end at `z`."""
    over = rng.uniform(0.2, 0.8)
    eave = rectangle(width + 2 * over, depth + 2 * over, z)
    height = min(width, depth) * rng.uniform(0.25, 0.6)
    if kind == "flat":
        rim = box([width + 0.3, depth + 0.3, rng.uniform(0.3, 1.0)], (0, 0, z), [0.4, 0.39, 0.37])
        return [(rim, MATTE)]
    if kind == "gable":
        along_x = rng.random() < 0.5
        ridge = rectangle(width + 2 * over, 0.02, z + height)
        if not along_x:
            ridge = rectangle(0.02, depth + 2 * over, z + height)
        return [(prism(eave, ridge, lid=False).textured_every(4.0), material)]
    ridge_length = max(width, depth) * rng.uniform(0.0, 0.6)
    ridge = rectangle(
        ridge_length + 0.02 if width >= depth else 0.02,
        0.02 if width >= depth else ridge_length + 0.02,
        z + height,
    )
    return [(prism(eave, ridge, lid=False).textured_every(4.0), material)]


def block(
    rng: np.random.Generator,
    palette: Palette,
    width: float,
    depth: float,
    height: float,
    roof: str | None = None,
) -> Thing:
    """A rectangular building centred at the origin: ground floor, storeys, trim and a roof."""
    plain, windows, ground = palette.front(rng)
    kind = roof or str(rng.choice(["flat", "gable", "hip"], p=[0.5, 0.25, 0.25]))
    storey = rng.uniform(2.8, 3.8)
    base = rectangle(width, depth)
    shop = height > 6 and rng.random() < 0.6
    first = storey * 1.15 if shop else 0.0
    bay = rng.uniform(2.2, 4.0)
    parts: list[tuple[Mesh, Material]] = []
    if shop:
        lower = prism(base, lifted(base, first), lid=False)
        parts.append((_fitted(lower, 2.5 * bay, first), ground))
    upper = prism(lifted(base, first), lifted(base, height))
    blank = rng.random() < 0.06
    parts.append((_fitted(upper, 4 * bay, 4 * storey), plain if blank else windows))
    trim = np.array([1.0, 1.0, 1.0]) * rng.uniform(0.2, 0.75)
    if rng.random() < 0.5:
        parts.append((box([width + 0.5, depth + 0.5, 0.35], (0, 0, height - 0.4), trim), MATTE))
    if shop and rng.random() < 0.5:
        parts.append((box([width + 0.3, depth + 0.3, 0.25], (0, 0, first), trim), MATTE))
    if shop and rng.random() < 0.4:
        awning = rng.uniform(0.05, 0.6, 3)
        for x in np.arange(-width / 2 + 2, width / 2 - 1, 4.0):
            for side in (-1, 1):
                y = side * depth / 2
                corners = [
                    [x - 1.5, y, first - 0.3],
                    [x + 1.5, y, first - 0.3],
                    [x + 1.5, y + side * 1.3, first - 0.9],
                    [x - 1.5, y + side * 1.3, first - 0.9],
                ]
                parts.append((quads([corners], colour=awning), MATTE))
    if height > 8 and rng.random() < 0.35:
        for level in np.arange(max(first, storey) + storey * 0.1, height - storey, storey):
            for x in np.arange(-width / 2 + bay, width / 2 - bay / 2, 2 * bay):
                slab = box([1.8, depth + 2.0, 0.15], (x, 0, level), trim)
                rail = box([1.8, depth + 2.0, 0.9], (x, 0, level), trim * 0.6)
                parts.append((slab if rng.random() < 0.3 else rail, MATTE))
    parts += _roof(rng, kind, width, depth, height, palette.roof(rng))
    if kind != "flat" and rng.random() < 0.5:
        x = rng.uniform(-0.3, 0.3) * width
        parts.append(
            (box([0.8, 0.8, height * 0.15 + 2.5], (x, 0, height), (0.3, 0.16, 0.12)), MATTE)
        )
    if kind == "flat" and rng.random() < 0.6:
        size = rng.uniform(1.5, 4.0, 3)
        parts.append((box(size, (rng.uniform(-0.2, 0.2) * width, 0, height), trim), MATTE))
    return Thing(BUILDING, tuple(parts))


def temple(rng: np.random.Generator, palette: Palette, radius: float, height: float) -> Thing:
    """A tiered hall or tower with swept roofs, columns, galleries and a stepped platform."""
    sides = int(rng.choice([4, 4, 6, 8]))
    tiers = int(rng.integers(1, 5))
    curve, lift = rng.uniform(1.0, 1.9), rng.uniform(0.0, 0.12) * radius
    roof_material = palette.roof(rng)
    _, windows, _ = palette.front(rng)
    column_colour = np.array([[0.4, 0.05, 0.04], [0.5, 0.47, 0.4], [0.2, 0.1, 0.06]])[
        rng.integers(3)
    ]
    stretch = np.array([rng.uniform(1.0, 1.8) if sides == 4 else 1.0, 1.0, 1.0])
    parts: list[tuple[Mesh, Material]] = []
    z = 0.0
    for step in range(int(rng.integers(1, 5))):
        ring = _regular(sides, radius * (1.55 - 0.08 * step), z) * stretch
        parts.append((prism(ring, lifted(ring, 0.35), rng.uniform(0.3, 0.6)), MATTE))
        z += 0.35
    tier_height = (height - z) / (tiers + 0.6)
    size = radius
    for tier in range(tiers):
        wall_top = z + tier_height * 0.62
        wall = _regular(sides, size * 0.85, z) * stretch
        raised = lifted(wall, wall_top - z)
        parts.append((_fitted(prism(wall, raised, lid=False), 6.0, (wall_top - z) * 2), windows))
        post = _regular(sides, size, z) * stretch
        for fraction in np.linspace(0, 1, 4)[:-1]:
            for corner in post + (np.roll(post, -1, 0) - post) * fraction:
                column = lathe([0.18, 0.18], [0, wall_top - z], corner, column_colour, 6)
                parts.append((column, MATTE))
        rail = _regular(sides, size * 1.05, z) * stretch
        parts.append((prism(rail, lifted(rail, 0.8), column_colour * 0.8, lid=False), MATTE))
        beam = _regular(sides, size * 1.02, wall_top - 0.3) * stretch
        beam_colour = np.array([0.1, 0.25, 0.25]) * rng.uniform(0.5, 2)
        parts.append((prism(beam, lifted(beam, 0.5), beam_colour), MATTE))
        eave = _regular(sides, size * 1.35, wall_top) * stretch
        last = tier == tiers - 1
        top = _regular(sides, size * (0.05 if last else 0.8), 0) * stretch
        top[:, 2] = wall_top + tier_height * (0.75 if last else 0.38)
        parts.append((swept_roof(eave, top, curve, lift), roof_material))
        z += tier_height
        size *= rng.uniform(0.82, 0.95)
    finial = lathe(
        [0.1, 0.5, 0.15, 0.4, 0.0], [0, 0.4, 0.8, 1.3, 1.8], (0, 0, z + 0.1 * tier_height)
    )
    parts.append((finial, MATTE))
    return Thing(BUILDING, tuple(parts))


def tower(rng: np.random.Generator, palette: Palette, width: float, height: float) -> Thing:
    """A slim tower with a spire, a dome or battlements."""
    plain, windows, _ = palette.front(rng)
    sides = int(rng.choice([4, 4, 8]))
    base = _regular(sides, width / 2 * 1.2, 0)
    walls = prism(base, lifted(base * [0.9, 0.9, 1], height))
    parts = [(_fitted(walls, 8.0, 14.0), windows if rng.random() < 0.7 else plain)]
    ring = _regular(sides, width / 2 * 1.25, height)
    parts.append((prism(ring, lifted(ring, 0.6), [0.5, 0.48, 0.44]), MATTE))
    kind = rng.integers(3)
    if kind == 0:
        peak = _regular(sides, 0.05, height + width * rng.uniform(0.8, 2.5))
        eave = _regular(sides, width / 2 * 1.2, height + 0.6)
        parts.append((swept_roof(eave, peak, 1.0, 0.0), palette.roof(rng)))
    elif kind == 1:
        t = np.linspace(0, np.pi / 2, 6)
        radii = (np.cos(t) * width * 0.5).tolist()
        heights = (np.sin(t) * width * 0.6).tolist()
        parts.append((lathe(radii, heights, (0, 0, height + 0.6), [0.2, 0.3, 0.28], 16), MATTE))
    else:
        for corner in _regular(sides * 3, width / 2 * 1.15, height + 0.6):
            parts.append((box([0.6, 0.6, 0.9], corner, [0.45, 0.42, 0.38]), MATTE))
    return Thing(BUILDING, tuple(parts))


def wall(rng: np.random.Generator, palette: Palette, length: float) -> Thing:
    """A free-standing wall along x."""
    plain, _, _ = palette.front(rng)
    height = rng.uniform(1.0, 2.6)
    body = box([length, 0.3, height]).textured_every(3.0)
    coping = box([length + 0.1, 0.45, 0.12], (0, 0, height), [0.45, 0.43, 0.4])
    return Thing(BUILDING, ((body, plain), (coping, MATTE)))
