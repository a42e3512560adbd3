"""What a program leaves in memory, as the reference's arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.compiled import CompiledModel
from m3vit.model.fixed import Codes
from m3vit.model.integer_ops import Routing
from m3vit.model.network import Network, Task
from m3vit.model.reference import TaskRun

from .arena import Arena, Region
from .buffers import Buffers
from .placement import PlacedModel

PICK_BYTES = 8
PICK_FIELDS = {"token": (0, 12), "expert": (12, 8), "rank": (20, 4), "score": (24, 16)}
"""Lowest bit and width."""


@dataclass(frozen=True)
class Outputs:
    """Where a task's results lie; neighbouring lines.

    Attributes:
        codes: of the output. rows: first row of the residual stream that the head reads, and how
            many. picks: of every MoE layer.
    """

    codes: Region
    rows: tuple[int, int]
    picks: tuple[Region, ...]

    @property
    def start(self) -> int:
        """Byte at which they begin."""
        return self.codes.start

    @property
    def stop(self) -> int:
        """Byte behind them."""
        return (self.picks or (self.codes,))[-1].stop


def kept_experts(network: Network, task: Task) -> int:
    """Experts of each token: K, if the task has as many."""
    first, last = task.experts
    return min(network.experts_per_token, last - first)


def row_bytes(words: int, design: DesignConfig) -> int:
    """Of an int16 row of so many words of `lanes`."""
    return 2 * words * design.lanes


def reserve_outputs(
    model: CompiledModel,
    design: DesignConfig,
    buffers: Buffers,
    placed: PlacedModel,
    arena: Arena,
    task: str,
) -> Outputs:
    """Lines for the results of a task."""
    network = model.network
    rows = {
        "tokens": (0, network.num_tokens),
        "classification": (0, 1),
        "linear": (1, network.num_tokens - 1),
    }[network.head]
    words = buffers.residual_words
    if network.head != "tokens":
        projection = placed.heads[task].projection
        words = projection.groups * projection.chunks
    codes = arena.reserve(rows[1] * row_bytes(words, design))
    count = network.num_tokens * kept_experts(network, model.task(task))
    picks = tuple(arena.reserve(count * PICK_BYTES) for _ in network.moe_layers)
    return Outputs(codes, rows, picks)


def read_outputs(
    model: CompiledModel,
    design: DesignConfig,
    placed: PlacedModel,
    outputs: Outputs,
    content: NDArray[np.uint8],
    task: str,
) -> TaskRun:
    """Output and routing of a task.

    Args:
        model, design, placed, outputs: of the program.
        content: bytes from `outputs.start` to `outputs.stop`.
        task: its name.

    Returns:
        as the reference, but without logits of gates, which the engine does not store: (T, 0).
    """
    network, chosen = model.network, model.task(task)

    def part(region: Region) -> NDArray[np.uint8]:
        return content[region.start - outputs.start : region.stop - outputs.start]

    rows = outputs.rows[1]
    if network.head == "tokens":
        codes = read_rows(part(outputs.codes), rows, network.width)
    else:
        projection = placed.heads[task].projection
        codes = read_blocks(
            part(outputs.codes), rows, (projection.chunks, projection.groups), design
        )[:, : model.heads[task].projection.bias.size]
    routing = tuple(
        read_picks(part(region), network.num_tokens, kept_experts(network, chosen))
        for region in outputs.picks
    )
    return TaskRun(task, codes, chosen.scale, routing)


def read_rows(content: NDArray[np.uint8], rows: int, width: int) -> Codes:
    """(R, D) int16 out of rows that are padded to whole words."""
    codes = np.frombuffer(content.tobytes(), "<i2").astype(np.int16)
    return codes.reshape(rows, -1)[:, :width].copy()


def read_blocks(
    content: NDArray[np.uint8], rows: int, shape: tuple[int, int], design: DesignConfig
) -> Codes:
    """(R, N) int16 results in the order in which the array makes them.

    Args:
        content: chunk after chunk; in it block after block of `array_tokens` rows, and of a block
            one word of all its rows after the other.
        rows: R.
        shape: chunks, and words of a chunk.
        design: sizes of words and blocks.
    """
    chunks, groups = shape
    words = np.frombuffer(content.tobytes(), "<i2").astype(np.int16)
    words = words.reshape(chunks, rows * groups, design.lanes)
    result = np.empty((rows, chunks, groups, design.lanes), np.int16)
    for first in range(0, rows, design.array_tokens):
        last = min(first + design.array_tokens, rows)
        block = words[:, first * groups : last * groups]
        block = block.reshape(chunks, groups, last - first, design.lanes)
        result[first:last] = block.transpose(2, 0, 1, 3)
    return result.reshape(rows, -1)


def read_picks(content: NDArray[np.uint8], tokens: int, kept: int) -> Routing:
    """Chosen experts and scores of one layer."""
    picks = np.frombuffer(content.tobytes(), "<u8").reshape(tokens, kept)
    fields = {
        name: ((picks >> np.uint64(low)) & np.uint64((1 << bits) - 1)).astype(np.int64)
        for name, (low, bits) in PICK_FIELDS.items()
    }
    experts = np.zeros((tokens, kept), np.int64)
    scores = np.zeros((tokens, kept), np.int32)
    places = fields["token"] % tokens, fields["rank"] % kept
    experts[places], scores[places] = fields["expert"], fields["score"]
    return Routing(np.zeros((tokens, 0), np.int16), experts, scores)
