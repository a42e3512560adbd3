"""A plot of land to furnish: helpers that place one kind of thing each."""

import numpy as np
from numpy.typing import ArrayLike

from m3vit.model.scenes import furniture
from m3vit.model.scenes.buildings import Palette, block
from m3vit.model.scenes.geometry import box, quads, rectangle
from m3vit.model.scenes.parts import MATTE, ROAD, TERRAIN, Material, Thing, World
from m3vit.model.scenes.people import person
from m3vit.model.scenes.textures import surface
from m3vit.model.scenes.vegetation import tree
from m3vit.model.scenes.vehicles import vehicle

Span = tuple[float, float]


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
        x: Span,
        y: Span,
        z: float,
    ) -> None:
        """A level rectangle; above 5 cm it gets visible side faces."""
        centre = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)
        size = (x[1] - x[0], y[1] - y[0])
        flat = z <= 0.05
        mesh = quads([rectangle(*size, z, centre)]) if flat else box([*size, z], (*centre, 0.0))
        self.world.add(label, (mesh.textured_every(4.0), material))

    def put(self, thing: Thing, place: ArrayLike, yaw: float = 0.0) -> None:
        """Add a thing at a place, turned by `yaw` radians."""
        self.world.things.append(thing.moved(place, yaw))

    def is_clear(self, x: float, y: float, room: float) -> bool:
        """Whether the camera is farther than `room` metres from a place."""
        camera = self.world.camera.position
        return bool(np.hypot(x - camera[0], y - camera[1]) > room)

    def people(self, count: int, x: Span, y: Span, z: float) -> None:
        """Walkers; nearer ones are likelier, so that some are large in the picture."""
        for _ in range(count):
            across = self.rng.uniform(*x)
            forward = y[0] + (y[1] - y[0]) * self.rng.random() ** 1.8
            if self.is_clear(across, forward, 2.5):
                turn = self.rng.choice([0, np.pi]) + self.rng.normal() * 0.5
                if self.rng.random() < 0.3:
                    turn = self.rng.uniform(0, 2 * np.pi)
                self.put(person(self.rng), [across, forward, z], turn)

    def trees(self, x: float, y: Span, spacing: float, height: float, z: float = 0.0) -> None:
        """A row of trees along y."""
        for forward in np.arange(y[0], y[1], spacing):
            place = (x + self.rng.normal() * 0.2, forward + self.rng.normal() * spacing * 0.1)
            if self.rng.random() < 0.88 and self.is_clear(*place, 3.0):
                size = height * self.rng.uniform(0.75, 1.25)
                detail = float(np.clip(22 / max(forward, 6), 0.2, 1.3))
                self.put(tree(self.rng, size, detail), [*place, z])

    def parked(self, x: float, y: Span, density: float, yaw: float) -> None:
        """Vehicles in a line along y."""
        forward = y[0] + self.rng.uniform(0, 6)
        while forward < y[1]:
            if self.rng.random() < density and self.is_clear(x, forward, 5.5):
                turn = yaw + self.rng.normal() * 0.03
                place = [x + self.rng.normal() * 0.12, forward, 0]
                self.put(vehicle(self.rng), place, turn)
                forward += 5
            forward += self.rng.uniform(1.5, 7.0)

    def kerbside(self, x: float, y: Span, spacing: float, z: float) -> None:
        """Lamps, signs, bins and the like along y."""
        forward = y[0] + self.rng.uniform(0, spacing)
        while forward < y[1]:
            if self.is_clear(x, forward, 2.5):
                turn = self.rng.normal() * 0.2 + (np.pi if self.rng.random() < 0.2 else 0)
                self.put(furniture.furniture(self.rng), [x, forward, z], turn)
            forward += spacing * self.rng.uniform(0.4, 1.6)

    def houses(
        self,
        x: float,
        y: Span,
        side: int,
        height: float,
        gap: float,
        roof: str | None = None,
        width: Span = (7, 20),
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
            self.put(house, centre, side * np.pi / 2)
            forward += length + (rng.uniform(2, 9) if rng.random() < gap else 0.02)

    def markings(self, half: float, y: Span) -> None:
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
                self.put(house, [x, y, 0])
        elif kind == "towers":
            for _ in range(10):
                house = block(rng, self.palette, 18, 18, rng.uniform(20, 60), "flat")
                self.put(house, [rng.uniform(-120, 120), y + 60, 0])
        elif kind == "wood":
            for x in np.arange(-45, 45, 4.5):
                size = rng.uniform(7, 14)
                place = [x + rng.normal(), y + rng.normal() * 2, 0]
                self.put(tree(rng, size, 0.3), place)
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
