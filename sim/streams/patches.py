"""Streams of the kernel `cut_patches`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.image_command import image_command
from m3vit.sim.csim.kernels import stream_types

from .words import join, split


def cut_patches_inputs(
    design: DesignConfig, images: Sequence[NDArray[np.uint8]], patch: int
) -> dict[str, NDArray[Any]]:
    """A command per image, and its pixels.

    Args:
        design: sizes of the kernel.
        images: (H, W, channels) each.
        patch: P.

    Raises:
        UserError: an image or patch beyond the design's maxima.
    """
    types = stream_types("cut_patches", design)
    commands = np.zeros(len(images), types["commands"].dtype)
    for command, image in zip(commands, images, strict=True):
        height, width, channels = image.shape
        for name, value in image_command(design, (height, width, channels), patch).items():
            command[name] = value
    pixels = [split(image.reshape(1, -1), types["pixels"].dtype) for image in images]
    return {"commands": commands, "pixels": np.concatenate(pixels)}


def cut_patches_outputs(streams: Mapping[str, NDArray[Any]], values: int) -> NDArray[np.int8]:
    """(N, `values`) codes of all patches; `values` is channels x P x P."""
    return join(streams["codes"], values)
