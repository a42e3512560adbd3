"""Where things stand: streets, avenues, suburbs, squares and parks."""

import numpy as np

from m3vit.model.scenes import furniture
from m3vit.model.scenes.buildings import Palette, block, temple, tower, wall
from m3vit.model.scenes.geometry import box, quads, rectangle
from m3vit.model.scenes.parts import (
    MATTE,
    PAVEMENT,
    ROAD,
    TERRAIN,
    Camera,
    Light,
    Material,
    World,
)
from m3vit.model.scenes.people import person
from m3vit.model.scenes.textures import surface
from m3vit.model.scenes.vegetation import bush, hedge, tree
from m3vit.model.scenes.vehicles import vehicle

KERB = 0.13
REACH = 150.0
WORLD_X, WORLD_Y = (-3000.0, 3000.0), (-60.0, 4000.0)


class Site:
    """A world being furnished: shared materials, and helpers that place one kind of thing."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world = world
        self.rng = rng
        self.palette = Palette(rng, int(rng.integers(3, 7)))
        tone = rng.uniform(0.06, 0.22) * (1 + rng.normal(size=3) * 0.03)
        self.asphalt = Material(surface("asphalt", tone, rng))
        stone = np.array([0.38, 0.36, 0.33]) * rng.uniform(0.6, 1.4) * rng.uniform(0.9, 1.1, 3)
        kind = str(rng.choice(["slabs", "cobbles", "concrete", "gravel", "brick"]))
        self.paving = Material(surface(kind, stone, rng))
        green = np.array([0.09, 0.15, 0.04]) * rng.uniform(0.7, 1.5) * rng.uniform(0.8, 1.25, 3)
        self.lawn = Material(surface("grass", green, rng))
        earth = np.array([0.22, 0.16, 0.10]) * rng.uniform(0.6, 1.5)
        self.soil = Material(surface("soil", earth, rng))

    def ground(
        self,
        label: int,
        material: Material,
        x: tuple[float, float],
        y: tuple[float, float],
        z: float,
    ) -> None:
        """A level rectangle; above 5 cm it gets visible side faces."""
        centre = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)
        size = (x[1] - x[0], y[1] - y[0])
        flat = z <= 0.05
        mesh = quads([rectangle(*size, z, centre)]) if flat else box([*size, z], (*centre, 0.0))
        self.world.add(label, (mesh.textured_every(4.0), material))

    def _clear(self, x: float, y: float, room: float) -> bool:
        """Whether the camera is farther than `room` metres from a place."""
        camera = self.world.camera.position
        return bool(np.hypot(x - camera[0], y - camera[1]) > room)

    def people(self, count: int, x: tuple[float, float], y: tuple[float, float], z: float) -> None:
        """Walkers; nearer ones are likelier, so that some are large in the picture."""
        for _ in range(count):
            across = self.rng.uniform(*x)
            forward = y[0] + (y[1] - y[0]) * self.rng.random() ** 1.8
            if self._clear(across, forward, 2.5):
                turn = self.rng.choice([0, np.pi]) + self.rng.normal() * 0.5
                if self.rng.random() < 0.3:
                    turn = self.rng.uniform(0, 2 * np.pi)
                self.world.things.append(person(self.rng).moved([across, forward, z], turn))

    def trees(
        self, x: float, y: tuple[float, float], spacing: float, height: float, z: float = 0.0
    ) -> None:
        """A row of trees along y."""
        for forward in np.arange(y[0], y[1], spacing):
            place = (x + self.rng.normal() * 0.2, forward + self.rng.normal() * spacing * 0.1)
            if self.rng.random() < 0.88 and self._clear(*place, 3.0):
                size = height * self.rng.uniform(0.75, 1.25)
                detail = float(np.clip(22 / max(forward, 6), 0.2, 1.3))
                self.world.things.append(tree(self.rng, size, detail).moved([*place, z]))

    def parked(self, x: float, y: tuple[float, float], density: float, yaw: float) -> None:
        """Vehicles in a line along y."""
        forward = y[0] + self.rng.uniform(0, 6)
        while forward < y[1]:
            if self.rng.random() < density and self._clear(x, forward, 5.5):
                turn = yaw + self.rng.normal() * 0.03
                place = [x + self.rng.normal() * 0.12, forward, 0]
                self.world.things.append(vehicle(self.rng).moved(place, turn))
                forward += 5
            forward += self.rng.uniform(1.5, 7.0)

    def kerbside(self, x: float, y: tuple[float, float], spacing: float, z: float) -> None:
        """Lamps, signs, bins and the like along y."""
        forward = y[0] + self.rng.uniform(0, spacing)
        while forward < y[1]:
            if self._clear(x, forward, 2.5):
                turn = self.rng.normal() * 0.2 + (np.pi if self.rng.random() < 0.2 else 0)
                self.world.things.append(furniture.furniture(self.rng).moved([x, forward, z], turn))
            forward += spacing * self.rng.uniform(0.4, 1.6)

    def houses(
        self,
        x: float,
        y: tuple[float, float],
        side: int,
        height: float,
        gap: float,
        roof: str | None = None,
        width: tuple[float, float] = (7, 20),
    ) -> None:
        """Buildings along y whose fronts stand at `x`; `side` is +1 to the right of it."""
        rng = self.rng
        forward = y[0]
        while forward < y[1]:
            length = rng.uniform(*width)
            depth = rng.uniform(8, 14)
            tall = height * rng.uniform(0.6, 1.4)
            house = block(rng, self.palette, length, depth, tall, roof)
            centre = [x + side * (depth / 2 + rng.uniform(0, 0.6)), forward + length / 2, 0]
            # Fronts face the street: the building's own x runs along the street's y.
            self.world.things.append(house.moved(centre, side * np.pi / 2))
            forward += length + (rng.uniform(2, 9) if rng.random() < gap else 0.02)

    def markings(self, half: float, y: tuple[float, float]) -> None:
        """Lane lines, edge lines and a crossing on a road along y."""
        rng = self.rng
        paint = np.full(3, rng.uniform(0.45, 0.75))
        lines = []
        if rng.random() < 0.75:
            dash, pause = rng.uniform(1.5, 4), rng.uniform(1.5, 5)
            lanes = [0.0] if half < 5 else [-half / 2, 0.0, half / 2]
            for lane in lanes:
                for start in np.arange(y[0], min(y[1], 70), dash + pause):
                    lines.append(rectangle(0.14, dash, 0.012, (lane, start + dash / 2)))
        if rng.random() < 0.4:
            for lane in (-half + 0.35, half - 0.35):
                lines.append(rectangle(0.14, y[1] - y[0], 0.012, (lane, (y[0] + y[1]) / 2)))
        if rng.random() < 0.35:
            start = rng.uniform(6, 22)
            for stripe in np.arange(-half + 0.5, half - 0.4, 1.0):
                lines.append(rectangle(0.5, 3.0, 0.014, (stripe, start)))
        if lines:
            self.world.add(ROAD, (quads(lines, colour=paint), MATTE))

    def backdrop(self, y: float) -> None:
        """What closes the view: a building, hills, a wood or nothing but the horizon."""
        rng = self.rng
        kind = rng.choice(["houses", "hills", "wood", "open", "towers"])
        if kind == "houses":
            for x in np.arange(-60, 60, 22):
                house = block(rng, self.palette, 21, 12, rng.uniform(8, 26))
                self.world.things.append(house.moved([x, y, 0]))
        elif kind == "towers":
            for _ in range(10):
                house = block(rng, self.palette, 18, 18, rng.uniform(20, 60), "flat")
                self.world.things.append(house.moved([rng.uniform(-120, 120), y + 60, 0]))
        elif kind == "wood":
            for x in np.arange(-45, 45, 4.5):
                size = rng.uniform(7, 14)
                place = [x + rng.normal(), y + rng.normal() * 2, 0]
                self.world.things.append(tree(rng, size, 0.3).moved(place))
        elif kind == "hills":
            columns = np.linspace(-400, 400, 60)
            crest = (
                14
                + 18 * rng.random()
                + sum(
                    rng.uniform(2, 9) * np.sin(columns / rng.uniform(15, 120) + rng.uniform(0, 6))
                    for _ in range(4)
                )
            )
            foot, peak = y + 40, y + 200
            strips = []
            for i in range(59):
                strips.append(
                    [
                        [columns[i], foot, -1],
                        [columns[i + 1], foot, -1],
                        [columns[i + 1], peak, crest[i + 1]],
                        [columns[i], peak, crest[i]],
                    ]
                )
            mesh = quads(strips).textured_every(30.0)
            self.world.add(TERRAIN, (mesh, self.lawn))


def street(site: Site) -> None:
    """A street between buildings: canyon, avenue with trees and verges, or suburb with gardens."""
    rng = site.rng
    kind = str(rng.choice(["canyon", "avenue", "suburb"], p=[0.4, 0.3, 0.3]))
    half = {
        "canyon": rng.uniform(2.8, 5),
        "avenue": rng.uniform(5, 9),
        "suburb": rng.uniform(2.6, 4),
    }[kind]
    along = (-12.0, REACH)
    site.ground(TERRAIN, site.lawn, WORLD_X, WORLD_Y, -0.03)
    site.ground(ROAD, site.asphalt, (-half, half), along, 0.0)
    site.markings(half, along)
    if kind == "avenue" and rng.random() < 0.5:
        site.ground(TERRAIN, site.lawn, (-1.3, 1.3), (4.0, REACH), 0.14)
        site.trees(0.0, (9, 80), rng.uniform(7, 14), rng.uniform(5, 10))
    for side in (-1, 1):
        verge = rng.uniform(1.2, 3.0) if kind != "canyon" and rng.random() < 0.6 else 0.0
        walk = rng.uniform(1.6, 4.5)
        garden = 0.0
        if kind == "suburb" or rng.random() < 0.15:
            garden = rng.uniform(3, 9)

        def span(start: float, stop: float, side: int = side) -> tuple[float, float]:
            return (side * start, side * stop) if side > 0 else (side * stop, side * start)

        if verge:
            site.ground(TERRAIN, site.lawn, span(half, half + verge), along, KERB)
        edge = half + verge
        site.ground(PAVEMENT, site.paving, span(edge, edge + walk), along, KERB)
        front = edge + walk + garden
        if garden:
            kind_of_fence = rng.choice(["hedge", "wall", "none"])
            for start in np.arange(-4, 60, 9.0):
                place = [side * (edge + walk + 0.6), start + 4, 0]
                if kind_of_fence == "hedge" and rng.random() < 0.85:
                    green = hedge(rng, 7.5, rng.uniform(0.7, 1.6))
                    site.world.things.append(green.moved(place, np.pi / 2))
                elif kind_of_fence == "wall" and rng.random() < 0.85:
                    fence = wall(rng, site.palette, 7.5)
                    site.world.things.append(fence.moved(place, np.pi / 2))
                if rng.random() < 0.6:
                    spot = [side * (front - rng.uniform(0.8, 2.5)), start + rng.uniform(0, 8), 0]
                    plant = (
                        tree(rng, rng.uniform(3, 8), 0.6)
                        if rng.random() < 0.4
                        else bush(rng, rng.uniform(0.5, 1.2))
                    )
                    site.world.things.append(plant.moved(spot))
        if kind == "suburb":
            site.houses(side * front, (-6, 90), side, rng.uniform(5, 8), 0.95, None, (8, 14))
        else:
            tall = rng.uniform(7, 18) if kind == "canyon" else rng.uniform(9, 26)
            if not (kind == "avenue" and rng.random() < 0.3):
                site.houses(side * front, (-10, 110), side, tall, rng.uniform(0, 0.35))
        if rng.random() < 0.75:
            lane = side * (half - 1.05)
            site.parked(lane, (3, 75), rng.uniform(0.2, 0.9), np.pi if side < 0 else 0.0)
        if rng.random() < 0.5 + 0.4 * (kind == "avenue"):
            where = side * (half + verge / 2 if verge else edge + 0.6)
            site.trees(where, (5, 85), rng.uniform(6, 14), rng.uniform(4, 10), KERB)
        site.kerbside(side * (edge + 0.35), (4, 60), rng.uniform(6, 16), KERB)
        site.people(int(rng.poisson(5)), span(edge + 0.5, edge + walk), (4, 45), KERB)
    if half > 4:
        site.parked(-half / 2, (12, 80), rng.uniform(0, 0.4), np.pi)
        site.parked(half / 2, (10, 80), rng.uniform(0, 0.4), 0.0)
    site.people(int(rng.poisson(0.8)), (-half, half), (6, 40), 0.0)
    site.backdrop(rng.uniform(60, 130))


def square(site: Site) -> None:
    """An open paved place with a landmark, a road in front or at the side, trees and crowds."""
    rng = site.rng
    site.ground(TERRAIN, site.lawn, WORLD_X, WORLD_Y, -0.03)
    extent = rng.uniform(22, 60)
    site.ground(PAVEMENT, site.paving, (-extent, extent), (-20, 95), 0.0)
    if rng.random() < 0.65:
        start = rng.uniform(3, 14)
        site.ground(ROAD, site.asphalt, (-REACH, REACH), (start, start + rng.uniform(6, 10)), 0.02)
        for _ in range(int(rng.integers(0, 5))):
            place = [rng.uniform(-22, 22), start + rng.uniform(1.5, 6), 0.02]
            if site._clear(place[0], place[1], 5.5):
                turn = np.pi / 2 * rng.choice([-1, 1])
                site.world.things.append(vehicle(rng).moved(place, turn))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(-25, 25), rng.uniform(6, 40)
            size = rng.uniform(2, 7, 2)
            site.ground(TERRAIN, site.lawn, (x - size[0], x + size[0]), (y, y + size[1]), 0.15)
            for _ in range(int(rng.integers(0, 4))):
                spot = [x + rng.uniform(-1, 1) * size[0], y + rng.uniform(0, size[1]), 0.15]
                if site._clear(spot[0], spot[1], 3.0):
                    plant = tree(rng, rng.uniform(3, 9)) if rng.random() < 0.5 else bush(rng, 0.8)
                    site.world.things.append(plant.moved(spot))
    landmark = rng.choice(["temple", "tower", "hall", "none"], p=[0.35, 0.2, 0.3, 0.15])
    distance, aside = rng.uniform(18, 50), rng.normal() * 7
    turn = rng.uniform(-0.6, 0.6)
    if landmark == "temple":
        thing = temple(rng, site.palette, rng.uniform(4, 9), rng.uniform(7, 26))
        site.world.things.append(thing.moved([aside, distance, 0], turn))
    elif landmark == "tower":
        thing = tower(rng, site.palette, rng.uniform(3, 8), rng.uniform(10, 35))
        site.world.things.append(thing.moved([aside, distance, 0], turn))
    elif landmark == "hall":
        thing = block(rng, site.palette, rng.uniform(16, 36), 14, rng.uniform(7, 18))
        site.world.things.append(thing.moved([aside, distance + 6, 0], turn))
    for side in (-1, 1):
        if rng.random() < 0.7:
            x = side * rng.uniform(14, max(extent, 20))
            site.houses(x, (rng.uniform(0, 30), 95), side, rng.uniform(7, 20), 0.15)
        if rng.random() < 0.6:
            site.trees(side * rng.uniform(5, 16), (8, 70), rng.uniform(6, 11), rng.uniform(4, 9))
        site.kerbside(side * rng.uniform(3, 12), (6, 50), rng.uniform(8, 18), 0.0)
    for _ in range(int(rng.integers(0, 4))):
        spot = [rng.uniform(-10, 10), rng.uniform(6, 25), 0]
        site.world.things.append(furniture.bench(rng).moved(spot, rng.uniform(0, 6)))
    site.people(int(rng.poisson(11)), (-14, 14), (4, 45), 0.02)
    site.backdrop(rng.uniform(80, 130))


def park(site: Site) -> None:
    """Lawns, paths, trees and hedges, with a pavilion or houses behind."""
    rng = site.rng
    ground = site.lawn if rng.random() < 0.8 else site.soil
    site.ground(TERRAIN, ground, WORLD_X, WORLD_Y, 0.0)
    centre, half = rng.normal() * 2, rng.uniform(1.0, 3.0)
    surfaces = [(PAVEMENT, site.paving), (ROAD, site.asphalt)]
    label, material = surfaces[int(rng.random() < 0.3)]
    half = half + 1.5 * (label == ROAD)
    site.ground(label, material, (centre - half, centre + half), (-20, rng.uniform(30, 120)), 0.02)
    if rng.random() < 0.5:
        y = rng.uniform(10, 35)
        site.ground(PAVEMENT, site.paving, (-80, 80), (y, y + rng.uniform(1.5, 4)), 0.03)
    if rng.random() < 0.3:
        y = rng.uniform(25, 55)
        site.ground(ROAD, site.asphalt, (-REACH, REACH), (y, y + 7), 0.04)
        for x in np.arange(-30, 30, 12.0):
            if rng.random() < 0.5:
                site.world.things.append(vehicle(rng).moved([x, y + 3, 0.04], np.pi / 2))
    if rng.random() < 0.3:
        site.parked(centre, (10, 60), 0.3, 0.0)
    for _ in range(int(rng.integers(4, 18))):
        x, y = rng.uniform(-28, 28), rng.uniform(5, 70)
        if abs(x - centre) > half + 0.7 and site._clear(x, y, 4.0):
            detail = float(np.clip(22 / y, 0.2, 1.3))
            site.world.things.append(tree(rng, rng.uniform(4, 14), detail).moved([x, y, 0]))
    for _ in range(int(rng.integers(0, 9))):
        x, y = rng.uniform(-14, 14), rng.uniform(5, 35)
        if abs(x - centre) > half + 0.7 and site._clear(x, y, 2.5):
            if rng.random() < 0.25:
                plant = hedge(rng, rng.uniform(3, 8), rng.uniform(0.6, 1.5))
                site.world.things.append(plant.moved([x, y, 0], rng.choice([0, np.pi / 2])))
            else:
                site.world.things.append(bush(rng, rng.uniform(0.4, 1.5)).moved([x, y, 0]))
    for side in (-1, 1):
        site.kerbside(centre + side * (half + 0.5), (5, 45), rng.uniform(9, 22), 0.0)
    site.people(int(rng.poisson(5)), (centre - half, centre + half), (4, 40), 0.02)
    site.people(int(rng.poisson(2)), (-12, 12), (5, 40), 0.0)
    if rng.random() < 0.55:
        place = [rng.normal() * 10, rng.uniform(25, 60), 0]
        size = rng.uniform(3.5, 8)
        thing = temple(rng, site.palette, size, rng.uniform(5, 22))
        if rng.random() < 0.35:
            thing = block(rng, site.palette, rng.uniform(8, 18), 9, rng.uniform(4, 8))
        site.world.things.append(thing.moved(place, rng.uniform(-0.7, 0.7)))
    site.backdrop(rng.uniform(65, 120))


def camera(rng: np.random.Generator) -> Camera:
    """A hand-held or mounted camera, sometimes at a window or on a hill."""
    height = rng.uniform(1.2, 2.2)
    pitch = rng.normal(-0.01, 0.06)
    if rng.random() < 0.2:
        height = rng.uniform(3.0, 11.0)
        pitch = rng.uniform(-0.3, 0.02)
    elif rng.random() < 0.2:
        pitch = rng.uniform(0.05, 0.35)
    return Camera(
        (rng.normal() * 1.8, 0.0, height),
        rng.normal() * 0.28,
        float(pitch),
        rng.normal() * 0.025,
        rng.uniform(42, 88),
    )


def furnish(rng: np.random.Generator, light: Light) -> World:
    """A whole world drawn from `rng`."""
    world = World(camera(rng), light)
    layout = (street, square, park)[rng.choice(3, p=[0.55, 0.25, 0.2])]
    layout(Site(world, rng))
    return world
