"""Streams of `route`, `scatter_add`, and of the token memory where it gathers rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import Codes
from m3vit.model.integer_ops import Routing
from m3vit.sim.csim.kernels import stream_types

from .words import arrival, groups, join, split, word_count

Queues = Mapping[int, NDArray[Any]]
"""Expert -> (n,) visits with the fields token and score; experts that nobody chose have none."""

CLEAR, ADD, FINISH = range(3)
"""`ScatterAddCommand::Action`."""


def route_inputs(
    design: DesignConfig,
    routing: Routing,
    expert_range: Sequence[int],
    order: Iterable[int] | None = None,
) -> dict[str, NDArray[Any]]:
    """One command, the picks of all tokens as the gate sends them, and orders of queues.

    Args:
        design: sizes of the kernel.
        routing: experts and scores of all tokens.
        expert_range: [first, last) of the experts that have queues.
        order: experts whose queues are listed, by default all of them.
    """
    types = _types("route", design)
    tokens, kept = routing.experts.shape
    command = np.zeros(1, types["commands"])
    command["picks"] = tokens * kept
    command["first"], command["experts"] = expert_range[0], expert_range[1] - expert_range[0]
    picks = np.zeros((tokens, kept), types["picks"])
    picks["token"], picks["rank"] = np.arange(tokens)[:, None], np.arange(kept)
    picks["expert"], picks["score"] = routing.experts, routing.scores
    listed = list(range(*expert_range) if order is None else order)
    orders = np.zeros(len(listed) + 1, types["orders"])
    orders["expert"][:-1], orders["end"][-1] = listed, 1
    return {"commands": command, "picks": picks.reshape(-1), "orders": orders}


def route_outputs(streams: Mapping[str, NDArray[Any]], order: Sequence[int]) -> Queues:
    """The queues of one command that are not empty, as they were ordered."""
    lengths = dict(zip(streams["queues"]["expert"], streams["queues"]["length"], strict=True))
    ends = np.cumsum([lengths[expert] for expert in order], dtype=np.int64)
    lists = np.split(streams["visits"], ends[:-1])
    return {expert: visits for expert, visits in zip(order, lists, strict=True) if visits.size}


def gather_inputs(
    design: DesignConfig, codes: NDArray[np.int8], wanted: Sequence[NDArray[np.integer[Any]]]
) -> dict[str, NDArray[Any]]:
    """Write rows into the token memory, then read those of each list.

    Args:
        design: sizes of the kernel.
        codes: (T, D); T x D, in words of panel_lanes, fit into the memory.
        wanted: lists of tokens, none empty.
    """
    types = _types("token_memory", design)
    stride = word_count(codes.shape[1], types["rows"])
    write = np.zeros(1, types["writes_0"])
    for flag in ("first", "completes", "last"):
        write["order"][flag] = 1
    write["place"]["stride"] = stride
    write["rows"]["groups"], write["rows"]["group"] = len(codes), 1
    write["rows"]["words"] = word_count(codes.shape[1], types["codes_0"])
    reads = np.zeros(len(wanted), types["reads"])
    reads["order"]["after"], reads["order"]["need"] = 1, len(codes)
    reads["order"]["last"] = reads["gathered"] = 1
    reads["place"]["stride"] = reads["words"] = stride
    reads["rows"] = [len(tokens) for tokens in wanted]
    tokens = np.concatenate([*wanted, np.zeros(0, np.int64)])
    streams = {name: np.zeros(0, dtype) for name, dtype in types.items() if name[-1].isdigit()}
    return streams | {
        "writes_0": write,
        "codes_0": split(codes, types["codes_0"]),
        "reads": reads,
        "tokens": tokens.astype(types["tokens"]),
    }


def gather_outputs(
    streams: Mapping[str, NDArray[Any]], width: int, lengths: Sequence[int]
) -> list[NDArray[np.int8]]:
    """The rows of every list: (n, `width`) each."""
    rows = join(streams["rows"], width).astype(np.int8)
    return np.split(rows, np.cumsum(lengths)[:-1])


def scatter_add_inputs(
    design: DesignConfig,
    tokens: int,
    queues: Sequence[NDArray[Any]],
    outputs: Sequence[Codes],
    group: int = 1,
) -> dict[str, NDArray[Any]]:
    """Clear the sums, add the outputs of each expert, emit the sums.

    Args:
        design: sizes of the kernel.
        tokens: T.
        queues: visits of each expert that was chosen; at least one.
        outputs: (n, D) int16 of each of these experts.
        group: rows of the outputs that travel together.
    """
    types = _types("scatter_add", design)
    words = word_count(outputs[0].shape[1], types["outputs"])
    adds = [(ADD, *counts) for visits in queues for counts in groups(len(visits), group)]
    actions = [(CLEAR, tokens, 1), *adds, (FINISH, tokens, 1)]
    commands = np.zeros(len(actions), types["commands"])
    commands["action"], commands["groups"], commands["group"] = zip(*actions, strict=True)
    commands["words"] = words
    rows = [
        split(output, types["outputs"])[arrival(len(output), words, group)] for output in outputs
    ]
    return {
        "commands": commands,
        "visits": np.concatenate(queues),
        "outputs": np.concatenate(rows),
    }


def scatter_add_outputs(streams: Mapping[str, NDArray[Any]], width: int) -> NDArray[np.int32]:
    """(T, `width`) sums."""
    return join(streams["sums"], width)


def _types(kernel: str, design: DesignConfig) -> dict[str, np.dtype[Any]]:
    return {name: stream.dtype for name, stream in stream_types(kernel, design).items()}
