"""Procedural bitmaps (bricks, plaster, windows, asphalt, grass, tiles, clouds), NumPy only.

Detail maps come from a bank that depends on fixed numbers alone, so it can be kept per process
without making one scene depend on another; colours are applied per scene.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

SIZE = 256

Image2D = NDArray[np.float32]
Texture = NDArray[np.uint8]


def fractal_noise(
    rng: np.random.Generator, size: int = SIZE, first: int = 4, octaves: int = 6, gain: float = 0.6
) -> Image2D:
    """Tileable noise with zero mean and unit deviation, (size, size).

    Args:
        first: cells per side of the coarsest octave; each next octave has twice as many.
        gain: amplitude of an octave relative to the coarser one.
    """
    total = np.zeros((size, size), np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        cells = min(first << octave, size)
        grid = rng.normal(size=(cells, cells)).astype(np.float32)
        # Wrapping two cells on every side before resizing makes the tile's edges meet.
        wrapped = np.pad(grid, 2, mode="wrap")
        border = 2 * size // cells
        enlarged = Image.fromarray(wrapped).resize(
            (size + 2 * border, size + 2 * border), Image.Resampling.BICUBIC
        )
        total += amplitude * np.asarray(enlarged)[border : border + size, border : border + size]
        amplitude *= gain
    result: Image2D = (total - total.mean()) / total.std()
    return result


def _bricks(rng: np.random.Generator, rows: int, columns: int, joint: int = 2) -> Image2D:
    """Running bond with per-brick shades and darker joints."""
    height, width = SIZE // rows, SIZE // columns
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    row = y // height
    shifted = (x + (row % 2) * (width // 2)) % SIZE
    shade = rng.normal(1.0, 0.12, (SIZE // height + 1, SIZE // width + 1))
    wall = shade[row, shifted // width]
    mortar = ((y % height) < joint) | ((shifted % width) < joint)
    return np.where(mortar, 1.25, wall).astype(np.float32)


def _slabs(rng: np.random.Generator, rows: int, columns: int) -> Image2D:
    """Paving: like bricks, but joints are darker than the stones."""
    stones = _bricks(rng, rows, columns)
    return np.where(stones == np.float32(1.25), 0.6, stones).astype(np.float32)


def _planks(rng: np.random.Generator) -> Image2D:
    """Boards along x with dark gaps."""
    y = np.arange(SIZE)
    board = rng.normal(1.0, 0.1, SIZE // 16)[y // 16]
    board = np.where(y % 16 < 2, 0.55, board)
    streaks = fractal_noise(rng, first=8)[:, :1].T
    return (board[:, None] * (1 + 0.05 * streaks)).astype(np.float32)


def _roof_tiles(rng: np.random.Generator) -> Image2D:
    """Rounded tiles in courses: ribs along v, a shadow line under each course."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    rib = 0.75 + 0.35 * np.abs(np.sin(np.pi * x / 16))
    course = np.where(y % 32 < 4, 0.7, 1.0)
    shade = rng.normal(1.0, 0.1, (SIZE // 32, SIZE // 16))[y // 32, x // 16]
    return (rib * course * shade).astype(np.float32)


def _metal_sheet(rng: np.random.Generator) -> Image2D:
    """Standing seams along v."""
    x = np.arange(SIZE)
    seam = np.where(x % 64 < 4, 0.75, 1.0)[None] * np.ones((SIZE, 1))
    return (seam * (1 + 0.04 * fractal_noise(rng))).astype(np.float32)


def _grain(rng: np.random.Generator, contrast: float, gain: float) -> Image2D:
    return np.clip(1 + contrast * fractal_noise(rng, gain=gain), 0.2, 2.0).astype(np.float32)


DETAILS: dict[str, Callable[[np.random.Generator], Image2D]] = {
    "brick": lambda rng: _bricks(rng, 32, 12) * _grain(rng, 0.06, 0.8),
    "block": lambda rng: _bricks(rng, 12, 6) * _grain(rng, 0.07, 0.8),
    "plaster": lambda rng: _grain(rng, 0.07, 0.7),
    "concrete": lambda rng: _slabs(rng, 4, 4) * _grain(rng, 0.08, 0.7),
    "planks": _planks,
    "tiles": _roof_tiles,
    "metal": _metal_sheet,
    "asphalt": lambda rng: _grain(rng, 0.10, 0.95),
    "gravel": lambda rng: _grain(rng, 0.20, 0.95),
    "slabs": lambda rng: _slabs(rng, 8, 8) * _grain(rng, 0.06, 0.8),
    "cobbles": lambda rng: _slabs(rng, 16, 16) * _grain(rng, 0.10, 0.8),
    "grass": lambda rng: _grain(rng, 0.22, 0.9),
    "soil": lambda rng: _grain(rng, 0.16, 0.8),
    "bark": lambda rng: _grain(rng, 0.25, 0.9),
}


@lru_cache(maxsize=128)
def detail(kind: str, variant: int) -> Image2D:
    """Relative brightness around 1, tileable, (SIZE, SIZE), from the fixed bank.

    Args:
        kind: a key of `DETAILS`.
        variant: any small integer; equal numbers give equal maps in every process.
    """
    rng = np.random.default_rng([sorted(DETAILS).index(kind), variant])
    return DETAILS[kind](rng)


def encode(linear: NDArray[np.floating[Any]]) -> Texture:
    """Linear reflectance to the sRGB bytes that a bitmap holds."""
    clipped = np.clip(linear, 0, 1)
    return (255 * clipped ** (1 / 2.2) + 0.5).astype(np.uint8)


def surface(kind: str, colour: ArrayLike, rng: np.random.Generator) -> Texture:
    """A detail map in a colour, with a second tone drifting over it.

    Args:
        kind: a key of `DETAILS`.
        colour: linear reflectance, 3 numbers.
    """
    base = detail(kind, int(rng.integers(3)))[..., None] * np.asarray(colour, np.float32)
    drift = detail("plaster", int(rng.integers(3)))[..., None] ** np.float32(rng.uniform(0, 2.5))
    if kind in ("grass", "soil"):
        warm = np.array([1.25, 1.0, 0.7], np.float32)
        base = base * np.where(drift > 1.03, warm, 1)
    return encode(base * drift)


def facade(
    wall: Texture, rng: np.random.Generator, bays: int = 4, storeys: int = 4, shop: bool = False
) -> Texture:
    """A wall with `bays` x `storeys` windows (or shop windows) painted on it, tileable.

    Args:
        wall: (SIZE, SIZE, 3) bytes to paint on.
        shop: wide glazing with a sign band above, one storey high.

    Returns:
        (SIZE, SIZE, 3) bytes, row 0 at the top.
    """
    picture = wall.astype(np.float32)
    cell_x, cell_y = SIZE // bays, SIZE // storeys
    width = (rng.uniform(0.75, 0.92) if shop else rng.uniform(0.3, 0.8)) * cell_x
    height = (rng.uniform(0.6, 0.75) if shop else rng.uniform(0.4, 0.72)) * cell_y
    frame = np.array([rng.uniform(30, 235)] * 3) * rng.uniform(0.85, 1.0, 3)
    frame_width = rng.uniform(0.03, 0.08) * cell_x
    sill = rng.random() < 0.5
    arch = not shop and rng.random() < 0.25
    shutters = not shop and rng.random() < 0.2
    shutter_colour = rng.uniform(20, 140, 3)
    panes_x, panes_y = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    glass_tone = np.array([rng.uniform(15, 70)] * 3) + rng.uniform(0, 25) * np.array([0, 0.5, 1.0])
    y, x = np.mgrid[0:cell_y, 0:cell_x].astype(np.float32)
    from_left, from_top = x - (cell_x - width) / 2, y - (cell_y - height) * 0.45
    inside = (from_left >= 0) & (from_left < width) & (from_top >= 0) & (from_top < height)
    if arch:
        radius = width / 2
        off = np.hypot(from_left - radius, np.maximum(radius - from_top, 0))
        inside &= off <= radius
    glass = inside & (from_left > frame_width) & (from_left < width - frame_width)
    glass &= (from_top > frame_width) & (from_top < height - frame_width)
    glass &= (from_left % (width / panes_x) > frame_width * 0.6) | (panes_x == 1)
    glass &= (from_top % (height / panes_y) > frame_width * 0.6) | (panes_y == 1)
    beside = (from_left > -0.4 * width) & (from_left < 1.4 * width)
    leaf = beside & ~inside & (from_top >= 0) & (from_top < height)
    ledge = (from_top >= height) & (from_top < height + 0.05 * cell_y)
    ledge &= (from_left > -0.1 * width) & (from_left < 1.1 * width)
    for row in range(storeys):
        for column in range(bays):
            window = (
                slice(row * cell_y, (row + 1) * cell_y),
                slice(column * cell_x, (column + 1) * cell_x),
            )
            view = picture[window]
            if shutters:
                view[leaf] = shutter_colour * (0.8 + 0.2 * (y[leaf] % 6 > 2))[:, None]
            if sill:
                view[ledge] = np.minimum(view[ledge] * 1.25 + 15, 255)
            view[inside] = frame
            brightness = rng.choice([0.6, 1.0, 1.0, 1.5, 2.6]) * (1.3 - 0.6 * from_top / height)
            view[glass] = (glass_tone * brightness[..., None])[glass]
            if rng.random() < 0.2:
                blind = glass & (from_top < height * rng.uniform(0.3, 0.9))
                view[blind] = rng.uniform(120, 220)
    if shop:
        band = slice(0, int(SIZE / storeys * 0.18))
        picture[band] = rng.uniform(20, 220, 3)
    return np.clip(picture, 0, 255).astype(np.uint8)
