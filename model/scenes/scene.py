"""One rendered scene as a function of its seed alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.ground_truth import Truth, truth
from m3vit.model.scenes.layouts import furnish
from m3vit.model.scenes.parts import PAVEMENT, ROAD, SKY, TERRAIN, World
from m3vit.model.scenes.photograph import develop
from m3vit.model.scenes.renderer import Layers, shade, trace
from m3vit.model.scenes.sky import light

GENERATOR_VERSION = 2
"""Raised whenever the same seed gives another record; part of every cache's name."""

WORLD_VERSION = 1
"""Seeds the worlds: raised when the same seed is to give other ones."""

IMAGE_SIZE = (128, 256)
SAMPLES = 12


@dataclass(frozen=True)
class Scene:
    """A photograph with its labels; see `Truth`.

    Attributes:
        rgb: (h, w, 3) sRGB bytes.
        field_of_view: of the lens; horizontal, degrees.
    """

    rgb: NDArray[np.uint8]
    truth: Truth
    field_of_view: float


def _worth_a_picture(world: World, layers: Layers) -> bool:
    """Whether the view is not blocked by one object right before the camera."""
    seen, count = np.unique(layers.thing, return_counts=True)
    labels = np.array([thing.label for thing in world.things] + [SKY])[seen]
    standing = ~np.isin(labels, (SKY, ROAD, PAVEMENT, TERRAIN))
    blocked = (count[standing] > 0.5 * layers.thing.size).any()
    return len(np.unique(labels)) >= 4 and not blocked


def render_scene(seed: int, size: tuple[int, int] = IMAGE_SIZE, samples: int = SAMPLES) -> Scene:
    """Build, light, render and photograph the scene that belongs to `seed`.

    A world whose view is blocked is replaced by the seed's next one.

    Args:
        seed: any non-negative integer.
        size: (height, width) in pixels; the same seed at another size shows the same world.
        samples: light paths per pixel.

    Raises:
        UserError: the renderer is not installed.
    """
    attempt = 0
    while True:
        rng = np.random.default_rng([WORLD_VERSION, seed, attempt])
        world = furnish(rng, light(rng))
        layers = trace(world, size)
        if _worth_a_picture(world, layers):
            break
        attempt += 1
    radiance = shade(world, size, samples, int(rng.integers(2**31)))
    sky = world.light.sky
    air = sky[len(sky) // 2 - len(sky) // 16 : len(sky) // 2].mean((0, 1))
    rgb = develop(radiance, layers.distance.astype(np.float32), air, rng)
    return Scene(rgb, truth(world, layers), world.camera.field_of_view)
