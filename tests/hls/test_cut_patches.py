"""Cutting of patches against `integer_ops.cut_patches`."""

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.model.integer_ops import cut_patches
from m3vit.sim.rtl.stalls import RANDOM
from m3vit.sim.streams.patches import cut_patches_inputs
from m3vit.sim.streams.words import split


def climb(ladder, design, images, patch, rtl=False):
    """Words of all patches, each one's last word padded with zeros."""
    dtype = np.dtype([("lane", np.int8, design.lanes)])
    words = [split(cut_patches(image, patch), dtype) for image in images]
    inputs = cut_patches_inputs(design, images, patch)
    return ladder("cut_patches", design, inputs, {"codes": np.concatenate(words)}, rtl)


def image(height, width, channels):
    return np.random.default_rng(7).integers(0, 256, (height, width, channels)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("patch", [1, 2, 3, 4, 5, 6, 7, 8, 12, 16])
def test_patch_sizes_and_channels(nano, ladder, patch, channels):
    climb(ladder, nano, [image(3 * patch, 2 * patch, channels)], patch)


def test_a_word_per_cycle(nano, ladder):
    """Three channels and patches of two words."""
    found = climb(ladder, nano, [image(16, 48, 3)], 8, rtl=True)
    assert found["pixels"].interval == 1
    assert found["codes"].interval < 1.02  # but for a breath between strips


def test_words_across_rows(nano, ladder):
    climb(ladder, nano, [image(10, 15, 2)] * 2, 5, rtl=True)


def test_one_patch(nano, ladder):
    climb(ladder, nano, [image(8, 8, 3)], 8)


def test_images_that_end_inside_a_word(nano, ladder):
    """15 x 25 x 1 is 375 bytes: the next image begins with a fresh word."""
    images = [image(15, 25, 1) + np.uint8(step) for step in range(4)]
    climb(ladder, nano, images, 5)


def test_images_of_different_shapes(nano, ladder):
    images = [image(6, 9, 3), image(3, 3, 1), image(9, 30, 2)]
    climb(ladder, nano, images, 3)


def test_longest_strip(nano, ladder):
    """The ring fills up and wraps around several times."""
    width = nano.max_strip_bytes // (16 * 3) // 16 * 16
    climb(ladder, nano, [image(5 * 16, width, 3)], 16)


@pytest.mark.parametrize(("patch", "channels"), [(16, 3), (14, 3), (32, 1), (8, 4), (16, 2)])
def test_large_design(zcu104, ladder, patch, channels):
    climb(ladder, zcu104, [image(2 * patch, 4 * patch, channels)] * 2, patch)


@pytest.mark.parametrize(
    ("shape", "patch", "what"),
    [
        ((34, 34, 1), 17, "max_patch_size 16"),
        ((8, 8, 4), 8, "max_channels 3"),
        ((16, 1024, 3), 16, "max_strip_bytes 16384"),
    ],
)
def test_images_beyond_the_design_are_refused(nano, shape, patch, what):
    with pytest.raises(UserError, match=f"exceed {what} of the design 'nano'"):
        cut_patches_inputs(nano, [image(*shape)], patch)


def test_network(nano, ladder, golden):
    for call in golden("cut_patches"):
        patch = int(call.inputs["patch"])
        climb(ladder, nano, [call.inputs["pixels"][: 2 * patch]], patch, RANDOM[:1])
