"""What the kernel `cut_patches` is told about an image, as numbers of a design."""

import math

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig


def image_command(design: DesignConfig, image: tuple[int, int, int], patch: int) -> dict[str, int]:
    """The fields of a `CutPatchesCommand` (hls/include/m3vit/patch_position.hpp).

    Args:
        design: sizes of the kernel.
        image: height, width, channels.
        patch: P.

    Raises:
        UserError: an image or patch beyond the design's maxima.
    """
    height, width, channels = image
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
    return {
        "strips": height // patch,
        "patches": width // patch,
        "channels": channels,
        "patch_size": patch,
        "columns": columns,
        "column_bytes": columns * channels,
        "patch_bytes": patch * channels,
        "row_bytes": width * channels,
        "strip_bytes": strip,
    }
