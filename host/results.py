"""What a program leaves in memory, as the reference's arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa_checks import PICK_BYTES, row_bytes
from m3vit.model.compiled import CompiledModel
from m3vit.model.fixed import Codes
from m3vit.model.integer_ops import Routing
from m3vit.model.network import Network, Task
from m3vit.model.reference import TaskRun

from .arena import Arena, Region
from .buffers import Buffers
from .placement import PlacedModel
from .tiling import Tile

PICK_FIELDS = {"token": (0, 12), "expert": (12, 8), "rank": (20, 4), "score": (24, 16)}
"""Lowest bit and width."""


@dataclass(frozen=True)
class OutputPart:
    """What a head makes of a tile.

    Attributes:
        tile: of tokens. rows: of it, that the head reads. region: where their results lie.
    """

    tile: Tile
    rows: range
    region: Region


@dataclass(frozen=True)
class Outputs:
    """Where a task's results lie; neighbouring lines.

    Attributes:
        codes: of the output. parts: of it, one after another. picks: of every MoE layer.
    """

    codes: Region
    parts: tuple[OutputPart, ...]
    picks: tuple[Region, ...]

    @property
    def start(self) -> int:
        """Byte at which they begin."""
        return self.codes.start

    @property
    def stop(self) -> int:
        """Behind the last one."""
        return (self.picks or (self.codes,))[-1].stop


def kept_experts(network: Network, task: Task) -> int:
    """Experts of each token: K, if the task has as many."""
    first, last = task.experts
    return min(network.experts_per_token, last - first)


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
    first, last = {
        "tokens": (0, network.num_tokens),
        "classification": (0, 1),
        "linear": (1, network.num_tokens),
    }[network.head]
    words = buffers.residual_words
    if network.head != "tokens":
        projection = placed.heads[task].projection
        words = projection.groups * projection.chunks
    parts = []
    for tile in buffers.tiling.tiles:
        rows = range(max(first - tile.first, 0), min(last - tile.first, tile.rows))
        if rows:
            region = arena.reserve(row_bytes(design, len(rows), words))
            parts.append(OutputPart(tile, rows, region))
    start, stop = parts[0].region, parts[-1].region.stop
    count = network.num_tokens * kept_experts(network, model.task(task))
    picks = tuple(arena.reserve(count * PICK_BYTES) for _ in network.moe_layers)
    return Outputs(Region(start.line, stop - start.start), tuple(parts), picks)


def read_outputs(
    model: CompiledModel,
    design: DesignConfig,
    tiles: Sequence[Tile],
    placed: PlacedModel,
    outputs: Outputs,
    content: NDArray[np.uint8],
    task: str,
) -> TaskRun:
    """Output and routing of a task.

    Args:
        model, design, tiles, placed, outputs: of the program.
        content: bytes from `outputs.start` to `outputs.stop`.
        task: its name.

    Returns:
        as the reference, but without logits of gates, which the engine does not store: (T, 0).
    """
    network, chosen = model.network, model.task(task)

    def part(region: Region) -> NDArray[np.uint8]:
        return content[region.start - outputs.start : region.stop - outputs.start]

    if network.head == "tokens":
        codes = [
            read_rows(part(piece.region), len(piece.rows), network.width) for piece in outputs.parts
        ]
    else:
        projection = placed.heads[task].projection
        shape = projection.chunks, projection.groups
        channels = model.heads[task].projection.bias.size
        codes = [
            read_blocks(part(piece.region), len(piece.rows), shape, design)[:, :channels]
            for piece in outputs.parts
        ]
    kept = kept_experts(network, chosen)
    routing = tuple(read_picks(part(region), tiles, kept) for region in outputs.picks)
    return TaskRun(task, np.concatenate(codes), chosen.scale, routing)


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


def read_picks(content: NDArray[np.uint8], tiles: Sequence[Tile], kept: int) -> Routing:
    """Chosen experts and scores of one layer, whose gate has numbered the tokens of each tile."""
    tokens = tiles[-1].end
    picks = np.frombuffer(content.tobytes(), "<u8").reshape(tokens, kept)
    fields = {
        name: ((picks >> np.uint64(low)) & np.uint64((1 << bits) - 1)).astype(np.int64)
        for name, (low, bits) in PICK_FIELDS.items()
    }
    for tile in tiles:
        fields["token"][tile.first : tile.end] %= tile.rows
        fields["token"][tile.first : tile.end] += tile.first
    experts = np.zeros((tokens, kept), np.int64)
    scores = np.zeros((tokens, kept), np.int32)
    places = fields["token"], fields["rank"] % kept
    experts[places], scores[places] = fields["expert"], fields["score"]
    return Routing(np.zeros((tokens, 0), np.int16), experts, scores)
