"""Streams of the kernel `gate`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import Codes
from m3vit.model.integer_ops import Routing
from m3vit.model.parameters import Gate
from m3vit.sim.csim.kernels import stream_types

from .words import arrival, groups, split, word_count


def split_bytes(codes: Codes) -> NDArray[np.int16]:
    """(T, D) int16 codes -> (2 T, D) rows for the array: high bytes, signed, then low bytes."""
    rows = np.empty((2 * codes.shape[0], codes.shape[1]), np.int16)
    rows[0::2], rows[1::2] = codes >> 8, codes & 255
    return rows


def inputs(
    design: DesignConfig,
    sums: NDArray[np.integer[Any]],
    parameters: Gate,
    task: int,
    gate: int,
    expert_range: Sequence[int],
    top_k: int,
    normalise_kept: bool,
    prune_threshold: int,
    *,
    group: int = 1,
    load: bool = True,
    trace: bool = True,
) -> dict[str, NDArray[Any]]:
    """One or two commands, their parameters and their sums.

    Args:
        design: sizes of the kernel.
        sums: (2 T, E) products of `split_bytes` with the gate's weights, for all experts.
        parameters, task, gate, expert_range, top_k, normalise_kept, prune_threshold: as for
            `integer_ops.route`.
        group: tokens that travel together.
        load: send the requantisation of the experts; otherwise the one before is kept.
        trace: ask for the logits.
    """
    types = {name: stream.dtype for name, stream in stream_types("gate", design).items()}
    rows, experts = sums.shape
    words = word_count(experts, types["sums"])
    sizes = groups(rows // 2, group)
    commands = np.zeros(len(sizes), types["commands"])
    commands["groups"], commands["group"] = zip(*sizes, strict=True)
    commands["token"][1:] = sizes[0][0] * sizes[0][1]
    commands["experts"], commands["words"] = experts, words
    commands["first"], commands["last"] = expert_range
    commands["kept"], commands["normalise_kept"] = top_k, normalise_kept
    # No score is above one, 2^15: any larger threshold prunes the same.
    commands["prune_threshold"] = min(max(prune_threshold, -1), 1 << 15)
    commands["load"][:1], commands["trace"] = load, trace
    rules = np.zeros(experts if load else 0, types["parameters"])
    if load:
        rules["bias"] = parameters.bias[task]
        rules["multiplier"], rules["shift"] = parameters.multiplier[gate], parameters.shift[gate]
    order = arrival(rows, words, 2 * group)
    return {
        "commands": commands,
        "parameters": rules,
        "sums": split(sums, types["sums"])[order],
    }


def outputs(
    design: DesignConfig,
    streams: Mapping[str, NDArray[Any]],
    expert_range: Sequence[int],
    top_k: int,
    group: int = 1,
) -> Routing:
    """Logits of the range's experts (none without a trace), chosen experts and scores."""
    first, last = expert_range
    picks = streams["picks"].reshape(-1, top_k)
    trace = streams["trace"]
    logits = np.empty_like(trace)
    if trace.size:
        logits[logit_order(design.lanes, len(picks), first, last, group)] = trace
    return Routing(
        logits.reshape(-1, last - first),
        picks["expert"].astype(np.int64),
        picks["score"].astype(np.int32),
    )


def logit_order(lanes: int, tokens: int, first: int, last: int, group: int) -> NDArray[np.int64]:
    """The order of the trace: positions in (tokens, last - first), token after token."""
    words = -(-last // lanes)
    token, word = np.divmod(arrival(tokens, words, group), words)
    expert = word[:, None] * lanes + np.arange(lanes)
    position = token[:, None] * (last - first) + expert - first
    return position[(expert >= first) & (expert < last)]
