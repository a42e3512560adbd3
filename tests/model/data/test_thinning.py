import numpy as np
import pytest

from m3vit.model.data.thinning import thin


def test_thick_lines_become_one_pixel_wide_and_stay_whole():
    mask = np.zeros((20, 30), bool)
    mask[8:11, 2:28] = True
    line = thin(mask)
    assert (line.sum(0)[4:26] == 1).all()
    assert line.sum() <= 26


def test_single_pixels_and_nothing_stay():
    mask = np.zeros((5, 5), bool)
    assert not thin(mask).any()
    mask[2, 2] = True
    np.testing.assert_array_equal(thin(mask), mask)


def test_a_ring_stays_a_ring():
    y, x = np.mgrid[-12:13, -12:13]
    ring = np.abs(np.hypot(x, y) - 8) < 2.5
    line = thin(ring)
    assert not line[12, 12] and line[12].sum() == 2 and line[:, 12].sum() == 2


def test_equals_scikit_image():
    morphology = pytest.importorskip("skimage.morphology")
    rng = np.random.default_rng(0)
    for _ in range(5):
        mask = rng.random((40, 50)).cumsum(0).cumsum(1) % 7 < 3
        np.testing.assert_array_equal(thin(mask), morphology.thin(mask))
