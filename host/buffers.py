"""Where the rows of a network lie in the engine's memories.

In the token memory the LayerNorm's rows have words of their own. What the array writes lies behind
them, one over the other: patches, contexts and queries side by side, hidden rows. The array
reads in program order, so a result is never written before the reads in front of it.

A network that does not fit is divided (`tiling.py`): then there are contexts of all tokens, and of
everything else the rows of one tile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import RESIDUAL_BANKS
from m3vit.model.network import Network

from .packing import Channels, ceiling
from .tiling import Tiling, strips_of, tilings, whole


@dataclass(frozen=True)
class Buffer:
    """Rows of codes in the token memory, in words of `panel_lanes` channels.

    Attributes:
        domain: number that orders its reads and writes. base: first word.
        words: of a row, and from row to row. beats: tiles of a row.
    """

    domain: int
    base: int
    words: int
    beats: int


@dataclass(frozen=True)
class HeadTiles:
    """Keys or values.

    Attributes:
        head: tiles from head to head.
        step: tiles between tokens (keys) or words of channels (values) that are neighbours.
    """

    head: int
    step: int


@dataclass(frozen=True)
class Buffers:
    """All rows of a network, and how their channels lie.

    Attributes:
        tiling: of tokens and heads.
        residual_words: of a row of the residual stream, in words of `lanes`.
        channels: of the residual stream and LayerNorms. heads: of queries, keys, values and
            contexts. hidden_channels, expert_channels: of MLPs and experts. patch_channels: of
            patches.
        head_words: of one head, in words of `lanes`. head_panel_words: of `panel_lanes`.
        head_beats: tiles of a head's row.
    """

    tiling: Tiling
    residual_words: int
    channels: Channels
    heads: Channels
    hidden_channels: Channels
    expert_channels: Channels
    patch_channels: Channels
    head_words: int
    head_panel_words: int
    head_beats: int
    patches: Buffer
    norm: Buffer
    context: Buffer
    queries: Buffer
    hidden: Buffer
    expert_hidden: Buffer
    keys: HeadTiles
    values: HeadTiles


@dataclass(frozen=True)
class _Need:
    """What, how much of it, and the design's size that limits it."""

    what: str
    value: int
    limit: str


@dataclass(frozen=True)
class Division:
    """How far a network may be divided, and has to be; by default as little as possible.

    Attributes:
        allowed: if it does not fit. tiles: of tokens, at least; fewer if there are not so many.
        heads: in a group, at most.
    """

    allowed: bool = True
    tiles: int = 1
    heads: int = 256


AS_LITTLE_AS_POSSIBLE = Division()
UNDIVIDED = Division(allowed=False)


def plan_buffers(
    network: Network, design: DesignConfig, division: Division = AS_LITTLE_AS_POSSIBLE
) -> Buffers:
    """Lay out the rows of a network; in as few tiles as possible.

    Raises:
        UserError: it exceeds one of the design's memories, however it is divided.
    """
    sizes = _Sizes(network, design)
    heads = min(sizes.heads_at_a_time, division.heads) if division.allowed else network.num_heads
    smaller = tilings(network, design, sizes.residual_words, heads) if division.allowed else ()
    chosen = None
    for tiling in chain([whole(network, heads)], smaller):
        excess = sizes.excess(tiling)
        if excess is None:
            chosen = tiling
            if len(tiling.tiles) >= division.tiles:
                break
    if chosen is None:
        assert excess is not None
        limit = getattr(design, excess.limit)
        how = f" in {len(tiling.tiles)} tiles" if tiling.streamed else ""
        raise UserError(
            f"this network needs {excess.value} {excess.what} on chip{how}, "
            f"{excess.value - limit} more than the design '{design.name}' holds ({excess.limit} = "
            f"{limit}): use a design with larger {excess.limit}, or smaller images"
        )
    sizes.check_beats()
    return sizes.buffers(chosen)


class _Sizes:
    """Words and tiles of a network on a design."""

    def __init__(self, network: Network, design: DesignConfig) -> None:
        self.network, self.design = network, design
        lanes, panel = design.lanes, design.panel_lanes
        self.channels = Channels.plain(network.width, lanes)
        self.residual_words = self.channels.count // lanes
        self.patch = Channels.plain(network.channels * network.patch_size**2, lanes)
        self.dense = Channels.plain(network.hidden, lanes)
        self.expert = Channels.plain(network.expert_hidden, lanes)
        self.heads = Channels.by_head(network.num_heads, network.head_dim, panel)
        self.head_width = self.heads.count // network.num_heads
        self.head_beats = design.beats(self.head_width)
        tokens = network.num_tokens
        self.keys = HeadTiles(
            ceiling(tokens, design.array_outputs) * self.head_beats, self.head_beats
        )
        steps = design.beats(tokens)
        self.values = HeadTiles(self.head_width // lanes * steps, steps)

    @property
    def heads_at_a_time(self) -> int:
        """Whose keys and values the design holds; 1 at least."""
        return max(1, self.design.key_value_tiles // max(self.keys.head, self.values.head))

    def buffers(self, tiling: Tiling) -> Buffers:
        """With the rows of one tile at a time."""
        rows, tokens = tiling.rows, self.network.num_tokens
        norm = self._buffer(1, 0, self.channels.count)
        shared = rows * norm.words
        context = self._buffer(2, shared, self.heads.count)
        behind = shared + tokens * context.words
        return Buffers(
            tiling=tiling,
            residual_words=self.residual_words,
            channels=self.channels,
            heads=self.heads,
            hidden_channels=self.dense,
            expert_channels=self.expert,
            patch_channels=self.patch,
            head_words=self.head_width // self.design.lanes,
            head_panel_words=self.head_width // self.design.panel_lanes,
            head_beats=self.head_beats,
            patches=self._buffer(0, shared, self.patch.count),
            norm=norm,
            context=context,
            queries=self._buffer(3, behind, tiling.heads * self.head_width),
            hidden=self._buffer(4, shared, self.dense.count),
            expert_hidden=self._buffer(4, shared, self.expert.count),
            keys=self.keys,
            values=self.values,
        )

    def excess(self, tiling: Tiling) -> _Need | None:
        """The first memory that is too small."""
        for need in self._needs(tiling):
            if need.value > getattr(self.design, need.limit):
                return need
        return None

    def check_beats(self) -> None:
        """Refuse rows that are longer than the array's panel.

        Raises:
            UserError: with the number of tiles.
        """
        design = self.design
        longest = design.max_beats
        for what, channels in (("contexts", self.heads), ("LayerNorms", self.channels)):
            beats = self._buffer(0, 0, channels.count).beats
            if beats > longest:
                raise UserError(
                    f"rows of {what} take {beats} tiles of this network's weights, "
                    f"{beats - longest} more than the design '{design.name}' holds (max_hidden = "
                    f"{design.max_hidden}): use a design with larger max_hidden, or fewer heads"
                )

    def _needs(self, tiling: Tiling) -> Iterator[_Need]:
        network, rows = self.network, tiling.rows
        buffers = self.buffers(tiling)
        ends = [buffers.queries.base + rows * buffers.queries.words]
        patches = max(strips_of(network, tile).patches for tile in tiling.tiles)
        ends.append(buffers.patches.base + patches * buffers.patches.words)
        if len(network.moe_layers) < network.num_layers:
            ends.append(buffers.hidden.base + rows * buffers.hidden.words)
        if network.moe_layers:
            ends.append(buffers.expert_hidden.base + rows * buffers.expert_hidden.words)
        yield _Need("words of codes", max(ends), "token_words")
        residual = rows
        if tiling.streamed:
            residual = RESIDUAL_BANKS * (tiling.lead + rows)
        yield _Need(
            "words of the residual stream", residual * self.residual_words, "residual_words"
        )
        yield _Need("tiles of keys", tiling.heads * self.keys.head, "key_value_tiles")
        yield _Need("tiles of values", tiling.heads * self.values.head, "key_value_tiles")

    def _buffer(self, domain: int, base: int, channels: int) -> Buffer:
        words = ceiling(channels, self.design.panel_lanes)
        return Buffer(domain, base, words, self.design.beats(channels))
