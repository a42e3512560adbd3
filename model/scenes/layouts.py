"""Where things stand: streets, avenues, suburbs, squares and parks.

All distances are metres; the camera stands near the origin and looks along y.
"""

import numpy as np

from m3vit.model.scenes import furniture
from m3vit.model.scenes.buildings import block, temple, tower, wall
from m3vit.model.scenes.parts import PAVEMENT, ROAD, TERRAIN, Camera, Light, World
from m3vit.model.scenes.site import Site, Span
from m3vit.model.scenes.vegetation import bush, hedge, tree
from m3vit.model.scenes.vehicles import vehicle

KERB = 0.13
REACH = 150.0
WORLD_X, WORLD_Y = (-3000.0, 3000.0), (-60.0, 4000.0)


def _beside(side: int, start: float, stop: float) -> Span:
    """The span from `start` to `stop` to the right (side 1) or left (-1) of the middle."""
    return (start, stop) if side > 0 else (-stop, -start)


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
        _roadside(site, kind, side, half, along)
    if half > 4:
        site.parked(-half / 2, (12, 80), rng.uniform(0, 0.4), np.pi)
        site.parked(half / 2, (10, 80), rng.uniform(0, 0.4), 0.0)
    site.people(int(rng.poisson(0.8)), (-half, half), (6, 40), 0.0)
    site.backdrop(rng.uniform(60, 130))


def _roadside(site: Site, kind: str, side: int, half: float, along: Span) -> None:
    """Verge, pavement, garden, buildings and what stands there, on one side of a street."""
    rng = site.rng
    verge = rng.uniform(1.2, 3.0) if kind != "canyon" and rng.random() < 0.6 else 0.0
    walk = rng.uniform(1.6, 4.5)
    garden = 0.0
    if kind == "suburb" or rng.random() < 0.15:
        garden = rng.uniform(3, 9)
    if verge:
        site.ground(TERRAIN, site.lawn, _beside(side, half, half + verge), along, KERB)
    edge = half + verge
    site.ground(PAVEMENT, site.paving, _beside(side, edge, edge + walk), along, KERB)
    front = edge + walk + garden
    if garden:
        _gardens(site, side, edge + walk, front)
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
    site.people(int(rng.poisson(5)), _beside(side, edge + 0.5, edge + walk), (4, 45), KERB)


def _gardens(site: Site, side: int, fence: float, front: float) -> None:
    """Hedges or walls along a street and plants behind them."""
    rng = site.rng
    boundary = rng.choice(["hedge", "wall", "none"])
    for start in np.arange(-4, 60, 9.0):
        place = [side * (fence + 0.6), start + 4, 0]
        if boundary == "hedge" and rng.random() < 0.85:
            site.put(hedge(rng, 7.5, rng.uniform(0.7, 1.6)), place, np.pi / 2)
        elif boundary == "wall" and rng.random() < 0.85:
            site.put(wall(rng, site.palette, 7.5), place, np.pi / 2)
        if rng.random() < 0.6:
            spot = [side * (front - rng.uniform(0.8, 2.5)), start + rng.uniform(0, 8), 0]
            if rng.random() < 0.4:
                site.put(tree(rng, rng.uniform(3, 8), 0.6), spot)
            else:
                site.put(bush(rng, rng.uniform(0.5, 1.2)), spot)


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
            if site.is_clear(place[0], place[1], 5.5):
                turn = np.pi / 2 * rng.choice([-1, 1])
                site.put(vehicle(rng), place, turn)
    if rng.random() < 0.5:
        _flower_beds(site)
    _landmark(site)
    for side in (-1, 1):
        if rng.random() < 0.7:
            x = side * rng.uniform(14, max(extent, 20))
            site.houses(x, (rng.uniform(0, 30), 95), side, rng.uniform(7, 20), 0.15)
        if rng.random() < 0.6:
            site.trees(side * rng.uniform(5, 16), (8, 70), rng.uniform(6, 11), rng.uniform(4, 9))
        site.kerbside(side * rng.uniform(3, 12), (6, 50), rng.uniform(8, 18), 0.0)
    for _ in range(int(rng.integers(0, 4))):
        spot = [rng.uniform(-10, 10), rng.uniform(6, 25), 0]
        site.put(furniture.bench(rng), spot, rng.uniform(0, 6))
    site.people(int(rng.poisson(11)), (-14, 14), (4, 45), 0.02)
    site.backdrop(rng.uniform(80, 130))


def _flower_beds(site: Site) -> None:
    """Raised lawns with a few plants on a square."""
    rng = site.rng
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(-25, 25), rng.uniform(6, 40)
        width, depth = rng.uniform(2, 7, 2)
        site.ground(TERRAIN, site.lawn, (x - width, x + width), (y, y + depth), 0.15)
        for _ in range(int(rng.integers(0, 4))):
            spot = [x + rng.uniform(-1, 1) * width, y + rng.uniform(0, depth), 0.15]
            if site.is_clear(spot[0], spot[1], 3.0):
                if rng.random() < 0.5:
                    site.put(tree(rng, rng.uniform(3, 9)), spot)
                else:
                    site.put(bush(rng, 0.8), spot)


def _landmark(site: Site) -> None:
    """The building that a square is about, if any."""
    rng = site.rng
    kind = rng.choice(["temple", "tower", "hall", "none"], p=[0.35, 0.2, 0.3, 0.15])
    distance, aside = rng.uniform(18, 50), rng.normal() * 7
    turn = rng.uniform(-0.6, 0.6)
    if kind == "temple":
        thing = temple(rng, site.palette, rng.uniform(4, 9), rng.uniform(7, 26))
        site.put(thing, [aside, distance, 0], turn)
    elif kind == "tower":
        thing = tower(rng, site.palette, rng.uniform(3, 8), rng.uniform(10, 35))
        site.put(thing, [aside, distance, 0], turn)
    elif kind == "hall":
        thing = block(rng, site.palette, rng.uniform(16, 36), 14, rng.uniform(7, 18))
        site.put(thing, [aside, distance + 6, 0], turn)


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
                site.put(vehicle(rng), [x, y + 3, 0.04], np.pi / 2)
    if rng.random() < 0.3:
        site.parked(centre, (10, 60), 0.3, 0.0)
    for _ in range(int(rng.integers(4, 18))):
        x, y = rng.uniform(-28, 28), rng.uniform(5, 70)
        if abs(x - centre) > half + 0.7 and site.is_clear(x, y, 4.0):
            detail = float(np.clip(22 / y, 0.2, 1.3))
            site.put(tree(rng, rng.uniform(4, 14), detail), [x, y, 0])
    for _ in range(int(rng.integers(0, 9))):
        x, y = rng.uniform(-14, 14), rng.uniform(5, 35)
        if abs(x - centre) > half + 0.7 and site.is_clear(x, y, 2.5):
            if rng.random() < 0.25:
                plant = hedge(rng, rng.uniform(3, 8), rng.uniform(0.6, 1.5))
                site.put(plant, [x, y, 0], rng.choice([0, np.pi / 2]))
            else:
                site.put(bush(rng, rng.uniform(0.4, 1.5)), [x, y, 0])
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
        site.put(thing, place, rng.uniform(-0.7, 0.7))
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
