import numpy as np
import pytest

from m3vit.model.data.views import Sample, View, look


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(8, 12, 3)).astype(np.float32)
    return Sample(
        rng.integers(0, 256, (8, 12, 3), np.uint8),
        {
            "semseg": rng.integers(0, 9, (8, 12)).astype(np.uint8),
            "depth": rng.uniform(1, 9, (8, 12)).astype(np.float32),
            "normals": normals / np.linalg.norm(normals, axis=-1, keepdims=True),
        },
    )


def test_the_plain_view_changes_nothing(sample):
    seen = look(sample, View(), (8, 12))
    np.testing.assert_array_equal(seen.image, sample.image.astype(np.float32) / 255)
    for task, label in sample.labels.items():
        np.testing.assert_array_equal(seen.labels[task], label)


def test_mirroring_negates_the_normals_x_and_is_its_own_inverse(sample):
    seen = look(sample, View(mirrored=True), (8, 12))
    np.testing.assert_array_equal(seen.image, sample.image[:, ::-1].astype(np.float32) / 255)
    np.testing.assert_array_equal(seen.labels["semseg"], sample.labels["semseg"][:, ::-1])
    np.testing.assert_array_equal(
        seen.labels["normals"], sample.labels["normals"][:, ::-1] * [-1, 1, 1]
    )
    np.testing.assert_array_equal(seen.labels["depth"], sample.labels["depth"][:, ::-1])
    again = look(Sample(seen.image, seen.labels), View(mirrored=True), (8, 12))
    np.testing.assert_array_equal(again.labels["normals"], sample.labels["normals"])


def test_what_is_twice_as_large_is_half_as_far(sample):
    seen = look(sample, View(zoom=2.0, across=0.0, down=1.0), (8, 12))
    # The lower left quarter, every pixel four times.
    quarter = sample.labels["depth"][4:, :6]
    expected = quarter.repeat(2, 0).repeat(2, 1) / 2
    np.testing.assert_allclose(seen.labels["depth"], expected, rtol=1e-6)
    np.testing.assert_array_equal(
        seen.labels["semseg"], sample.labels["semseg"][4:, :6].repeat(2, 0).repeat(2, 1)
    )


def test_resizing_does_not_change_depth_and_mixes_no_labels(sample):
    seen = look(sample, View(), (16, 24))
    np.testing.assert_array_equal(
        seen.labels["depth"], sample.labels["depth"].repeat(2, 0).repeat(2, 1)
    )
    smaller = look(sample, View(), (5, 7))
    assert set(np.unique(smaller.labels["depth"])) <= set(np.unique(sample.labels["depth"]))
    np.testing.assert_allclose(np.linalg.norm(smaller.labels["normals"], axis=-1), 1, atol=1e-6)


def test_a_quarter_turn_turns_picture_labels_and_normals():
    image = np.zeros((9, 9, 3), np.uint8)
    image[4, 7] = 255
    normals = np.zeros((9, 9, 3), np.float32)
    normals[4, 7] = [1, 0, 0]
    mask = image[..., 0]
    seen = look(Sample(image, {"sal": mask, "normals": normals}), View(turn=90.0), (9, 9))
    # What was to the right is now at the top, and what faced right now faces up.
    assert seen.labels["sal"][1, 4] == 255 and (seen.labels["sal"] > 0).sum() == 1
    np.testing.assert_allclose(seen.labels["normals"][1, 4], [0, 1, 0], atol=1e-6)
    assert seen.image[1, 4].min() > 0.99


def test_a_smaller_view_has_a_border_of_zeros():
    ones = np.ones((10, 10), np.uint8)
    sample = Sample(np.full((10, 10, 3), 255, np.uint8), {"semseg": ones})
    seen = look(sample, View(zoom=0.5), (20, 20))
    inside = np.zeros((20, 20), np.uint8)
    inside[5:15, 5:15] = 1
    np.testing.assert_array_equal(seen.labels["semseg"], inside)
    np.testing.assert_allclose(seen.image[..., 0], inside, atol=1e-6)


@pytest.mark.parametrize("zoom", [1.0, 1.2, 1.5])
@pytest.mark.parametrize("size", [(8, 12), (480, 640), (7, 5)])
def test_enlarging_never_leaves_the_picture(sample, zoom, size):
    for across, down in ((0.0, 0.0), (1.0, 1.0), (0.5, 0.5)):
        seen = look(sample, View(zoom=zoom, across=across, down=down), size)
        assert seen.labels["depth"].min() >= 1 / zoom - 1e-6
        assert seen.image.shape == (*size, 3) and seen.image.dtype == np.float32
