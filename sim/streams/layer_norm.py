"""Streams of the kernel `layer_norm`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import Codes
from m3vit.model.parameters import Affine, LayerNorm
from m3vit.sim.csim.kernels import stream_types

from .words import join, split, word_count


def inputs(
    design: DesignConfig, codes: Codes, parameters: LayerNorm, load: bool = True
) -> dict[str, NDArray[Any]]:
    """One command, its parameters and its rows.

    Args:
        design: sizes of the kernel.
        codes: (T, D) int16.
        parameters: of the LayerNorm; an int16 `output` excludes `gate`.
        load: send the gains and biases; otherwise those of the command before are kept.
    """
    types = {name: stream.dtype for name, stream in stream_types("layer_norm", design).items()}
    tokens, width = codes.shape
    outputs = _by_stream(parameters)
    command = np.zeros(1, types["commands"])
    command["tokens"] = tokens
    command["words"] = word_count(width, types["rows"])
    command["width"] = width
    command["epsilon"] = parameters.epsilon
    command["load"] = load
    for name, flag, shift in (("codes", "codes", "code_shift"), ("wide", "wide", "wide_shift")):
        if name in outputs:
            command[flag] = 1
            command[shift] = outputs[name].shift
    loaded = [_affine_words(affine, types["parameters"]) for affine in outputs.values()]
    return {
        "commands": command,
        "parameters": np.concatenate(loaded if load else [np.zeros(0, types["parameters"])]),
        "rows": split(codes, types["rows"]),
    }


def outputs(
    streams: Mapping[str, NDArray[Any]], width: int, parameters: LayerNorm
) -> tuple[Codes, Codes | None]:
    """(T, D) int8 codes (int16 behind the last block), and int16 codes for a gate or None."""
    arrays = {name: join(streams[name], width) for name in _by_stream(parameters)}
    if parameters.output.bits == 16:
        return arrays["wide"], None
    return arrays["codes"], arrays.get("wide")


def _by_stream(parameters: LayerNorm) -> dict[str, Affine]:
    """Output stream -> what makes it, in the order in which parameters are loaded."""
    if parameters.output.bits == 16:
        return {"wide": parameters.output}
    if parameters.gate is None:
        return {"codes": parameters.output}
    return {"codes": parameters.output, "wide": parameters.gate}


def _affine_words(affine: Affine, dtype: np.dtype[Any]) -> NDArray[Any]:
    lanes = dtype["gain"].shape[0]
    items = np.zeros(-(-affine.gain.size // lanes), dtype)
    for field in ("gain", "bias"):
        padded = np.zeros(items.size * lanes, dtype[field].base)
        padded[: affine.gain.size] = getattr(affine, field)
        items[field] = padded.reshape(-1, lanes)
    return items
