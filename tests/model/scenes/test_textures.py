import numpy as np
import pytest

from m3vit.model.scenes.textures import DETAILS, SIZE, detail, facade, fractal_noise, surface


def test_noise_is_normalised_and_tileable():
    noise = fractal_noise(np.random.default_rng(1), 128)
    assert abs(noise.mean()) < 1e-5 and noise.std() == pytest.approx(1, abs=1e-5)
    inside = np.abs(np.diff(noise, axis=1)).mean()
    seam = np.abs(noise[:, 0] - noise[:, -1]).mean()
    assert seam < 2 * inside


@pytest.mark.parametrize("kind", DETAILS)
def test_details_depend_on_their_numbers_only(kind):
    first = detail(kind, 1).copy()
    detail.cache_clear()
    np.testing.assert_array_equal(detail(kind, 1), first)
    assert first.shape == (SIZE, SIZE)
    assert 0.6 < first.mean() < 1.4
    assert (detail(kind, 2) != first).any()


def test_facade_paints_windows_and_keeps_the_wall():
    rng = np.random.default_rng(3)
    wall = surface("plaster", (0.7, 0.6, 0.5), rng)
    picture = facade(wall, rng)
    assert picture.dtype == np.uint8 and picture.shape == wall.shape
    changed = (picture != wall).any(-1).mean()
    assert 0.05 < changed < 0.95
