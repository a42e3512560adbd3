"""What the engine holds on the chip: rows of codes, the residual stream, keys and values."""

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import SCORE_FRACTION_BITS, Codes, saturate


class TokenMemory:
    """Rows of int8 codes, in words of `panel_lanes`.

    Args:
        design: its sizes.
        start: makes the initial content; a program may not depend on it.
    """

    def __init__(self, design: DesignConfig, start: np.random.Generator) -> None:
        self._lanes, self._panel = design.lanes, design.panel_lanes
        self._codes = start.integers(-128, 128, design.token_words * self._panel, np.int8)

    def read(
        self, base: int, stride: int, tokens: NDArray[np.int64], words: int
    ) -> NDArray[np.int8]:
        """(rows, words x panel_lanes) of the rows with these indices."""
        return self._codes[self._places(base, stride, tokens, words * self._panel)]

    def write(self, base: int, stride: int, codes: Codes, offset: int = 0) -> None:
        """Rows 0, 1, ... from a place on; `offset` words of `lanes` into each."""
        rows = np.arange(len(codes))
        places = self._places(base, stride, rows, codes.shape[1])
        self._codes[places + offset * self._lanes] = codes

    def _places(
        self, base: int, stride: int, rows: NDArray[np.int64], channels: int
    ) -> NDArray[np.int64]:
        starts = (base + rows * stride) * self._panel
        return starts[:, None] + np.arange(channels)


class ResidualMemory:
    """The residual stream, in words of `lanes`; row i begins at word i x stride.

    Sums over experts are kept wide: what is read, and what a branch is added to, is saturated to
    16 bits. Arguments as for `TokenMemory`.
    """

    def __init__(self, design: DesignConfig, start: np.random.Generator) -> None:
        self._lanes = design.lanes
        limit = 1 << 15
        self._values = start.integers(-limit, limit, design.residual_words * self._lanes, np.int32)

    def read(self, first: int, rows: int, words: int) -> NDArray[np.int16]:
        """(rows, words x lanes), from row `first` on; neighbours."""
        places = self._places(first + np.arange(rows), words, words * self._lanes)
        return saturate(self._values[places], 16)

    def load(self, first: int, words: int, codes: Codes) -> None:
        """Take neighbouring rows."""
        places = self._places(first + np.arange(len(codes)), words, codes.shape[1])
        self._values[places] = codes

    def add(self, first: int, stride: int, branch: Codes) -> None:
        """The saturated sum of rows and a branch."""
        places = self._places(first + np.arange(len(branch)), stride, branch.shape[1])
        self._values[places] = saturate(saturate(self._values[places], 16) + np.int32(branch), 16)

    def scatter(
        self,
        rows: NDArray[np.int64],
        stride: int,
        outputs: Codes,
        scores: NDArray[np.int32],
    ) -> None:
        """Add an expert's int16 outputs times scores to different rows."""
        contributions = outputs.astype(np.int32) * scores[:, None]
        contributions += 1 << (SCORE_FRACTION_BITS - 1)
        places = self._places(rows, stride, outputs.shape[1])
        self._values[places] += contributions >> SCORE_FRACTION_BITS

    def _places(self, rows: NDArray[np.int64], stride: int, channels: int) -> NDArray[np.int64]:
        return (rows * stride * self._lanes)[:, None] + np.arange(channels)


class KeyValueMemory:
    """Keys and values as matrices of the array, in tiles of array_outputs x array_inputs.

    Arguments as for `TokenMemory`.
    """

    def __init__(self, design: DesignConfig, start: np.random.Generator) -> None:
        self._design = design
        shape = (design.key_value_tiles, design.array_outputs, design.array_inputs)
        self.keys, self.values = (start.integers(-128, 128, shape, np.int8) for _ in range(2))

    def write_keys(
        self, base: int, head_tiles: int, step: int, head_words: int, first: int, rows: Codes
    ) -> None:
        """A key is an output of its head's matrix: (tokens, heads x head_words x lanes)."""
        tokens, heads, channels = self._split(first, rows, head_words)
        height, width = self._design.array_outputs, self._design.array_inputs
        tile = base + heads * head_tiles + tokens // height * step + channels // width
        self.keys[tile, tokens % height, channels % width] = rows

    def write_values(
        self, base: int, head_tiles: int, step: int, head_words: int, first: int, rows: Codes
    ) -> None:
        """A token is an input of its head's matrix; rows as for `write_keys`."""
        tokens, heads, channels = self._split(first, rows, head_words)
        height, width = self._design.array_outputs, self._design.array_inputs
        tile = base + heads * head_tiles + channels // height * step + tokens // width
        self.values[tile, channels % height, tokens % width] = rows

    def matrix(
        self, memory: NDArray[np.int8], base: int, groups: int, beats: int
    ) -> NDArray[np.int8]:
        """(groups x array_outputs, beats x array_inputs) of neighbouring tiles."""
        height, width = memory.shape[1:]
        tiles = memory[base : base + groups * beats].reshape(groups, beats, height, width)
        return tiles.swapaxes(1, 2).reshape(groups * height, beats * width)

    def _split(
        self, first: int, rows: Codes, head_words: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Token, head and channel in the head of every number of (tokens, channels)."""
        tokens = first + np.arange(len(rows))[:, None]
        heads, channels = np.divmod(np.arange(rows.shape[1])[None], head_words * self._design.lanes)
        return tokens, heads, channels
