"""Where the rows of a network lie in the engine's memories.

In the token memory the LayerNorm's rows have words of their own. What the array writes lies behind
them, one over the other: patches, contexts and queries side by side, hidden rows. The array
reads in program order, so a result is never written before the reads in front of it.
"""

from dataclasses import dataclass

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.model.network import Network

from .packing import Channels, ceiling


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
        residual_words: of a row of the residual stream, in words of `lanes`.
        channels: of the residual stream and LayerNorms. heads: of queries, keys, values and
            contexts. hidden_channels, expert_channels: of MLPs and experts. patch_channels: of
            patches.
        head_words: of one head, in words of `lanes`. head_panel_words: of `panel_lanes`.
        head_beats: tiles of a head's row.
    """

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


def plan_buffers(network: Network, design: DesignConfig) -> Buffers:
    """Lay out the rows of a network.

    Raises:
        UserError: they exceed one of the design's memories.
    """
    tokens, lanes, panel = network.num_tokens, design.lanes, design.panel_lanes

    def buffer(domain: int, base: int, channels: Channels) -> Buffer:
        words = ceiling(channels.count, panel)
        return Buffer(domain, base, words, ceiling(words * panel, design.array_inputs))

    channels = Channels.plain(network.width, lanes)
    patch = Channels.plain(network.channels * network.patch_size**2, lanes)
    dense, expert = (
        Channels.plain(width, lanes) for width in (network.hidden, network.expert_hidden)
    )
    heads = Channels.by_head(network.num_heads, network.head_dim, panel)
    head_width = heads.count // network.num_heads
    head_beats = ceiling(head_width, design.array_inputs)

    norm = buffer(1, 0, channels)
    shared = tokens * norm.words
    context = buffer(2, shared, heads)
    queries = buffer(3, shared + tokens * context.words, heads)
    patches = buffer(0, shared, patch)
    hidden, expert_hidden = buffer(4, shared, dense), buffer(4, shared, expert)
    largest = max(
        (tokens - 1) * patches.words,
        2 * tokens * context.words,
        tokens * hidden.words if len(network.moe_layers) < network.num_layers else 0,
        tokens * expert_hidden.words if network.moe_layers else 0,
    )
    keys = HeadTiles(ceiling(tokens, design.array_outputs) * head_beats, head_beats)
    steps = ceiling(tokens, design.array_inputs)
    values = HeadTiles(head_width // lanes * steps, steps)
    residual_words = channels.count // lanes
    for what, value, name in (
        ("words of codes", shared + largest, "token_words"),
        ("words of the residual stream", tokens * residual_words, "residual_words"),
        ("tiles of keys", network.num_heads * keys.head, "key_value_tiles"),
        ("tiles of values", network.num_heads * values.head, "key_value_tiles"),
    ):
        limit = getattr(design, name)
        if value > limit:
            raise UserError(
                f"this network needs {value} {what} on chip, {value - limit} more than the design "
                f"'{design.name}' holds ({name} = {limit}): use a design with larger {name}, or "
                "smaller images"
            )
    longest = ceiling(max(design.max_hidden, design.max_tokens), design.array_inputs)
    for what, rows in (("contexts", context), ("LayerNorms", norm)):
        if rows.beats > longest:
            raise UserError(
                f"rows of {what} take {rows.beats} tiles of this network's weights, "
                f"{rows.beats - longest} more than the design '{design.name}' holds (max_hidden = "
                f"{design.max_hidden}): use a design with larger max_hidden, or fewer heads"
            )
    return Buffers(
        residual_words=residual_words,
        channels=channels,
        heads=heads,
        hidden_channels=dense,
        expert_channels=expert,
        patch_channels=patch,
        head_words=head_width // lanes,
        head_panel_words=head_width // panel,
        head_beats=head_beats,
        patches=patches,
        norm=norm,
        context=context,
        queries=queries,
        hidden=hidden,
        expert_hidden=expert_hidden,
        keys=keys,
        values=values,
    )
