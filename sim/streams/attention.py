"""Streams of the kernels `attention_weights` and `attention_context`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import Codes
from m3vit.model.parameters import Heads
from m3vit.sim.csim.kernels import stream_types

from .words import arrival, groups, in_order, join, split, word_count


def weights_inputs(design: DesignConfig, logits: Codes, group: int = 1) -> dict[str, NDArray[Any]]:
    """One or two commands per head, and its rows.

    Args:
        design: sizes of the kernel.
        logits: (H, queries, keys) int16.
        group: rows that travel together.
    """
    types = stream_types("attention_weights", design)
    heads, queries, keys = logits.shape
    dtype = types["logits"].dtype
    words = word_count(keys, dtype)
    order = arrival(queries, words, group)
    commands = _group_commands(queries, group, types["commands"].dtype)
    commands["words"], commands["keys"] = words, keys
    return {
        "commands": np.tile(commands, heads),
        "logits": np.concatenate([split(head, dtype)[order] for head in logits]),
    }


def weights_outputs(
    streams: Mapping[str, NDArray[Any]], shape: tuple[int, int, int], group: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Weights of `shape` (H, queries, keys), and their sums (H, queries)."""
    heads, queries, keys = shape
    items = streams["weights"].reshape(heads, -1)
    order = arrival(queries, items.shape[1] // queries, group)
    weights = np.stack([join(in_order(head, order), keys) for head in items])
    return weights, streams["sums"].reshape(heads, queries)


def context_inputs(
    design: DesignConfig,
    products: NDArray[np.integer[Any]],
    sums: NDArray[np.integer[Any]],
    parameters: Heads,
    group: int = 1,
) -> dict[str, NDArray[Any]]:
    """One or two commands per head, and its rows.

    Args:
        design: sizes of the kernel.
        products: (H, T, d) sums of weights times values.
        sums: (H, T) sums of weights.
        parameters: multiplier and shift per head.
        group: rows that travel together.
    """
    types = stream_types("attention_context", design)
    heads, tokens, width = products.shape
    dtype = types["products"].dtype
    words = word_count(width, dtype)
    order = arrival(tokens, words, group)
    commands = _group_commands(tokens, group, types["commands"].dtype)
    per_head = len(commands)
    commands = np.tile(commands, heads)
    commands["words"], commands["zero_point"] = words, parameters.zero_point
    commands["multiplier"] = np.repeat(parameters.multiplier, per_head)
    commands["shift"] = np.repeat(parameters.shift, per_head)
    return {
        "commands": commands,
        "products": np.concatenate([split(head, dtype)[order] for head in products]),
        "sums": sums.reshape(-1).astype(types["sums"].dtype),
    }


def context_outputs(
    streams: Mapping[str, NDArray[Any]], shape: tuple[int, int, int], group: int = 1
) -> NDArray[np.int8]:
    """(T, H d) codes from `shape` (H, T, d)."""
    heads, tokens, width = shape
    items = streams["codes"].reshape(heads, -1)
    order = arrival(tokens, items.shape[1] // tokens, group)
    return np.concatenate([join(in_order(head, order), width) for head in items], axis=1)


def _group_commands(rows: int, group: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Commands for all rows of a head, with their groups filled in."""
    commands = np.zeros(len(groups(rows, group)), dtype)
    commands["groups"], commands["group"] = zip(*groups(rows, group), strict=True)
    return commands
