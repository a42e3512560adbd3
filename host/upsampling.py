"""From the codes of a linear head to a map at image resolution, in NumPy."""

import numpy as np
from numpy.typing import NDArray


def spread_cells(
    output: NDArray[np.float32], grid: tuple[int, int], cells: int
) -> NDArray[np.float32]:
    """Lay the g x g cells that each patch predicts side by side.

    Args:
        output: (N, C g g), index (channel * g + row) * g + column.
        grid: patches (down, across); their product is N.
        cells: g.

    Returns:
        (C, grid height * g, grid width * g).
    """
    height, width = grid
    blocks = output.reshape(height, width, -1, cells, cells).transpose(2, 0, 3, 1, 4)
    return blocks.reshape(-1, height * cells, width * cells)


def bilinear(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Bilinear interpolation with half-pixel centres.

    The same as `torch.nn.functional.interpolate(..., mode="bilinear", align_corners=False)`.

    Args:
        maps: (C, h, w).
        size: height and width of the result.

    Returns:
        (C, *size).
    """
    top, bottom, down = _neighbours(maps.shape[1], size[0])
    rows: NDArray[np.float32] = maps[:, top] + (maps[:, bottom] - maps[:, top]) * down[:, None]
    left, right, across = _neighbours(maps.shape[2], size[1])
    result: NDArray[np.float32] = rows[:, :, left]
    return result + (rows[:, :, right] - result) * across


def _neighbours(
    inputs: int, outputs: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The two inputs that each output lies between, and how far along, in [0, 1)."""
    centres = (np.arange(outputs, dtype=np.float32) + 0.5) * (inputs / outputs) - 0.5
    centres = np.maximum(centres, 0).astype(np.float32)
    first = centres.astype(np.intp)
    return first, np.minimum(first + 1, inputs - 1), centres - first.astype(np.float32)
