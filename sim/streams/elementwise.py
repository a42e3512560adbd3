"""Streams of the kernels `activation` and `add_residual`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import Codes
from m3vit.sim.csim.kernels import stream_types

from .words import join, split


def activation_inputs(
    design: DesignConfig, codes: NDArray[np.int8], table: NDArray[np.int8]
) -> dict[str, NDArray[Any]]:
    """Load a table of 256 entries, then look up codes (T, N)."""
    types = stream_types("activation", design)
    words = split(codes, types["codes"].dtype)
    commands = np.zeros(2, types["commands"].dtype)
    commands["load"], commands["rows"] = [1, 0], [0, len(words)]
    return {"commands": commands, "entries": table, "codes": words}


def activation_outputs(streams: Mapping[str, NDArray[Any]], width: int) -> NDArray[np.int8]:
    """(T, `width`) codes."""
    return join(streams["results"], width)


def add_inputs(
    design: DesignConfig, residual: Codes, branch: NDArray[np.signedinteger[Any]]
) -> dict[str, NDArray[Any]]:
    """(T, D) codes and what is added to them, saturated to the 18 bits that hardware gives it."""
    types = stream_types("add_residual", design)
    narrow = np.clip(branch, -(1 << 17), (1 << 17) - 1)
    return {
        "residuals": split(residual, types["residuals"].dtype),
        "branches": split(narrow, types["branches"].dtype),
    }


def add_outputs(streams: Mapping[str, NDArray[Any]], width: int) -> NDArray[np.int16]:
    """(T, `width`) sums."""
    return join(streams["sums"], width)
