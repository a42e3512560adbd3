"""What a camera makes of radiance: haze, exposure, white balance, tone, blur, noise."""

import numpy as np
from numpy.typing import NDArray


def _blurred(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of (h, w, 3) with edge pixels repeated."""
    reach = max(1, int(3 * sigma + 0.5))
    offset = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offset / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        padding = [(0, 0)] * 3
        padding[axis] = (reach, reach)
        padded = np.pad(picture, padding, mode="edge")
        length = picture.shape[axis]
        picture = np.zeros_like(picture)
        for weight, start in zip(kernel, range(2 * reach + 1), strict=True):
            picture += weight * np.take(padded, range(start, start + length), axis)
    return picture


def develop(
    radiance: NDArray[np.float32],
    distance: NDArray[np.float32],
    air: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Turn radiance into an sRGB photograph.

    Args:
        radiance: (h, w, 3) linear.
        distance: (h, w) metres to what each pixel sees, 0 for the sky.
        air: (3,) radiance of the haze, the sky's colour near the horizon.
        rng: draws the camera's settings and its noise.

    Returns:
        (h, w, 3) bytes.
    """
    picture = radiance
    if rng.random() < 0.5:
        visibility = np.exp(rng.uniform(np.log(110), np.log(3000)))
        veil = (1 - np.exp(-distance / visibility)).astype(np.float32)[..., None]
        picture = picture * (1 - veil) + air * veil
    luminance = picture @ np.array([0.21, 0.72, 0.07], np.float32)
    key = float(np.exp(np.log(luminance + 1e-3).mean()))
    bright = float(np.percentile(luminance, 97))
    # Between exposing for the average and protecting the highlights, as meters do.
    exposure = (0.20 / key) ** 0.7 * (0.85 / max(bright, 1e-3)) ** 0.3
    picture = picture * np.float32(exposure * 2 ** rng.normal(0.0, 0.4))
    balance = 2 ** (rng.normal(0, 0.08, 3) + rng.normal(0, 0.12) * np.array([1, 0, -1]))
    picture = picture * balance.astype(np.float32)
    if rng.random() < 0.6:
        picture = _blurred(picture, rng.uniform(0.25, 0.75))
    grey = picture.mean(-1, keepdims=True)
    picture = np.maximum(grey + (picture - grey) * np.float32(rng.uniform(0.8, 1.3)), 0)
    shoulder = np.float32(rng.uniform(0.6, 0.95))
    over = np.maximum(picture - shoulder, 0)
    picture = np.where(
        picture > shoulder,
        shoulder + (1 - shoulder) * (1 - np.exp(-over / (1 - shoulder))),
        picture,
    )
    encoded = picture ** np.float32(1 / 2.2)
    contrast = rng.uniform(-0.05, 0.35)
    encoded = encoded * (1 - contrast) + contrast * encoded**2 * (3 - 2 * encoded)
    noise = rng.normal(size=encoded.shape).astype(np.float32)
    encoded = encoded + noise * np.float32(np.exp(rng.uniform(np.log(0.002), np.log(0.012))))
    return np.clip(encoded * 255 + 0.5, 0, 255).astype(np.uint8)
