"""Streams of the kernel `cut_patches`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
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
        strip = patch * width * channels
        for value, limit, what in (
            (patch, design.max_patch_size, "patch_size"),
            (channels, design.max_channels, "channels"),
            (strip, design.max_strip_bytes, "strip_bytes"),
            (patch * patch * channels, design.max_hidden, "hidden"),
        ):
            if value > limit:
                raise UserError(
                    f"images of {height}x{width} with {channels} channels in patches of {patch} "
                    f"exceed max_{what} {limit} of the design '{design.name}' with {value}: "
                    "take a larger design"
                )
        columns = min(patch, design.lanes // math.gcd(channels, design.lanes))
        command["strips"], command["patches"] = height // patch, width // patch
        command["channels"], command["patch_size"] = channels, patch
        command["columns"], command["column_bytes"] = columns, columns * channels
        command["patch_bytes"] = patch * channels
        command["row_bytes"], command["strip_bytes"] = width * channels, strip
    pixels = [split(image.reshape(1, -1), types["pixels"].dtype) for image in images]
    return {"commands": commands, "pixels": np.concatenate(pixels)}


def cut_patches_outputs(streams: Mapping[str, NDArray[Any]], values: int) -> NDArray[np.int8]:
    """(N, `values`) codes of all patches; `values` is channels x P x P."""
    return join(streams["codes"], values)
