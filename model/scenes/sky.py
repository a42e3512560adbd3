"""Sun and sky: clear, hazy, cloudy, overcast and low-sun light."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from m3vit.model.scenes.parts import Light
from m3vit.model.scenes.textures import fractal_noise

HEIGHT = 192


@cache
def _directions() -> NDArray[np.float32]:
    """World direction of every pixel of the panorama, (HEIGHT, 2 HEIGHT, 3)."""
    polar = (np.arange(HEIGHT) + 0.5) / HEIGHT * np.pi
    azimuth = (np.arange(2 * HEIGHT) + 0.5) / (2 * HEIGHT) * 2 * np.pi
    polar, azimuth = np.meshgrid(polar, azimuth, indexing="ij")
    return np.stack(
        [np.sin(polar) * np.sin(azimuth), np.sin(polar) * np.cos(azimuth), np.cos(polar)], -1
    ).astype(np.float32)


@cache
def _cloud_field(variant: int) -> NDArray[np.float32]:
    """Tileable cloud density, (512, 512), from the fixed bank."""
    return fractal_noise(np.random.default_rng([77, variant]), 512, first=4, octaves=8, gain=0.58)


def light(rng: np.random.Generator) -> Light:
    """A random hour and weather; see `Light` for units."""
    weather = str(rng.choice(["clear", "cloudy", "overcast", "dusk"], p=[0.3, 0.35, 0.25, 0.1]))
    elevation = np.radians(rng.uniform(3, 12) if weather == "dusk" else rng.uniform(15, 70))
    azimuth = rng.uniform(0, 2 * np.pi)
    to_sun = np.array(
        [
            np.cos(elevation) * np.sin(azimuth),
            np.cos(elevation) * np.cos(azimuth),
            np.sin(elevation),
        ]
    )
    warmth = np.exp(-np.sin(elevation) * 3)
    sun = np.array([1.0, 0.95 - 0.35 * warmth, 0.88 - 0.65 * warmth]) * rng.uniform(3.0, 5.5)
    zenith = np.array([0.10, 0.22, 0.55]) * rng.uniform(0.7, 1.5)
    horizon = np.array([0.55, 0.70, 0.92]) * rng.uniform(0.8, 1.3)
    grey = np.array([0.75, 0.80, 0.88]) * rng.uniform(0.6, 1.2)
    haze = rng.uniform(0.0, 0.7)
    horizon = horizon * (1 - haze) + np.array([0.85, 0.88, 0.9]) * haze
    cover, opacity = 0.0, 0.0
    if weather == "cloudy":
        cover, opacity = rng.uniform(-0.6, 1.4), rng.uniform(0.6, 1.0)
        if rng.random() < 0.3:
            sun = sun * rng.uniform(0.05, 0.5)
    elif weather == "overcast":
        sun = np.zeros(3)
        cover, opacity = 3.0, rng.uniform(0.75, 1.0)
        if rng.random() < 0.3:
            grey = np.array([0.9, 0.92, 0.95])
    elif weather == "dusk":
        sun, zenith = sun * 0.4, zenith * 0.5
        horizon = np.array([0.95, 0.55, 0.30]) * rng.uniform(0.6, 1.1)
        cover, opacity = rng.uniform(-2, 1.0), rng.uniform(0.3, 0.9)
        grey = grey * np.array([0.9, 0.7, 0.65])

    direction = _directions()
    up = np.clip(direction[..., 2:], 0, 1)
    blend = (1 - up) ** rng.uniform(2.5, 6.0)
    sky = zenith * (1 - blend) + horizon * blend
    toward = np.clip(direction @ to_sun.astype(np.float32), 0, 1)[..., None]
    sky = sky * (1 + 1.2 * toward**8 * (sun.max() > 0))
    if opacity > 0:
        # Clouds lie on a plane overhead; near the horizon they thin into the haze.
        field = _cloud_field(int(rng.integers(6)))
        scale, shift = rng.uniform(20, 90), rng.uniform(0, 512, 2)
        plane = direction[..., :2] / np.maximum(direction[..., 2:], 0.03) * scale + shift
        column, row = plane[..., 0].astype(np.int64) % 512, plane[..., 1].astype(np.int64) % 512
        density = np.clip((field[row, column] + cover) * 0.8, 0, 1)[..., None]
        shade = np.clip(1.15 - 0.25 * density * (1 + field[column, row][..., None] * 0.3), 0.3, 1.3)
        amount = density * opacity * np.clip(up * 6, 0.15, 1)
        sky = sky * (1 - amount) + grey * 1.25 * shade * amount
    # No light from below: the ground hides it, and sampling it would waste paths.
    sky = np.where(direction[..., 2:] < 0, 0, sky)
    return Light(
        (float(to_sun[0]), float(to_sun[1]), float(to_sun[2])),
        (float(sun[0]), float(sun[1]), float(sun[2])),
        sky.astype(np.float32),
    )
