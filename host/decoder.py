"""M³ViT's up-sampling head on the host: from the tokens of the last block to a map, in NumPy."""

import numpy as np
from numpy.typing import NDArray

from m3vit.model.parameters import Convolution, Decoder

from .upsampling import bilinear

Maps = NDArray[np.float32]


def decode(decoder: Decoder, tokens: Maps, grid: tuple[int, int]) -> Maps:
    """The head's raw values.

    Args:
        decoder: of the task.
        tokens: (N, D) real values of the patch tokens.
        grid: patches (down, across); their product is N.

    Returns:
        (C, h, w), sixteen times as large as the grid with four convolutions, else of its size.
    """
    centred = tokens - tokens.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    normal = centred / np.sqrt(variance + decoder.epsilon) * decoder.gain + decoder.bias
    maps: Maps = normal.T.reshape(-1, *grid)
    last = len(decoder.convolutions) - 1
    for stage, convolution in enumerate(decoder.convolutions):
        maps = np.maximum(convolve(convolution, maps), 0)
        if stage < last:
            maps = _doubled(maps)
    maps = convolve(decoder.classifier, maps)
    return _doubled(maps) if last > 0 else maps


def convolve(convolution: Convolution, maps: Maps) -> Maps:
    """(I, h, w) -> (O, h, w), zeros around; one matmul per place of the kernel."""
    outputs, inputs, size, _ = convolution.weight.shape
    height, width = maps.shape[1:]
    border = size // 2
    padded = np.pad(maps, ((0, 0), (border, border), (border, border)))
    # One contiguous matrix per place: NumPy multiplies strided ones without BLAS, 60 times slower.
    places = np.ascontiguousarray(convolution.weight.transpose(2, 3, 0, 1))
    sums = np.repeat(convolution.bias[:, None], height * width, axis=1)
    for row in range(size):
        for column in range(size):
            part = padded[:, row : row + height, column : column + width]
            sums += places[row, column] @ part.reshape(inputs, -1)
    return sums.reshape(outputs, height, width)


def _doubled(maps: Maps) -> Maps:
    return bilinear(maps, (2 * maps.shape[1], 2 * maps.shape[2]))
