"""How a network is divided that the engine's memories do not hold at once.

Tokens come in tiles: the residual stream lies in memory, and one tile after another is loaded,
worked on and stored, while a second one is on its way. Heads come in groups, of which all keys and
values are on the chip. A network that fits is one tile, and its residual stream stays where it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES, RESIDUAL_BANKS
from m3vit.hls.isa_checks import PICK_BYTES, row_bytes
from m3vit.model.network import Network

from .packing import ceiling


@dataclass(frozen=True)
class Tile:
    """Neighbouring tokens, the class token being number 0.

    Attributes:
        first: of them. rows: how many, at least 1.
    """

    first: int
    rows: int

    @property
    def end(self) -> int:
        """The token behind."""
        return self.first + self.rows


@dataclass(frozen=True)
class Strips:
    """Rows of patches that hold those of a tile, and further ones in front.

    Attributes:
        first: of the image. count: how many. lead: patches in front of the tile's first one.
        patches: from the first strip's first patch to the tile's last one.
    """

    first: int
    count: int
    lead: int
    patches: int


@dataclass(frozen=True)
class Held:
    """A tile on the chip.

    Attributes:
        tile: of tokens. row: of the residual memory, of its first token. bank: that it belongs to.
    """

    tile: Tile
    row: int
    bank: int


@dataclass(frozen=True)
class Tiling:
    """A division of tokens and heads.

    Attributes:
        tiles: all tokens. head_groups: all heads.
        lead: rows of the residual memory in front of a tile, for patches that are another tile's.
    """

    tiles: tuple[Tile, ...]
    head_groups: tuple[range, ...]
    lead: int

    @property
    def streamed(self) -> bool:
        """The residual stream lies in memory, and tiles come and go."""
        return len(self.tiles) > 1

    @property
    def rows(self) -> int:
        """Of the largest tile."""
        return self.tiles[0].rows

    @property
    def heads(self) -> int:
        """Of the largest group."""
        return len(self.head_groups[0])

    def held(self, tile: Tile, turn: int) -> Held:
        """Where a tile is held; of neighbouring turns, in different banks."""
        if not self.streamed:
            return Held(tile, 0, 0)
        bank = turn % RESIDUAL_BANKS
        return Held(tile, bank * (self.lead + self.rows) + self.lead, bank)


def whole(network: Network, heads: int) -> Tiling:
    """All tokens at once."""
    return Tiling((Tile(0, network.num_tokens),), _groups(network, heads), 0)


def tilings(
    network: Network, design: DesignConfig, residual_words: int, heads: int
) -> Iterator[Tiling]:
    """Every division into two and more tiles, the largest ones first.

    Args:
        network: that is divided. design: that holds its tiles.
        residual_words: of a row of the residual stream.
        heads: whose keys and values fit.
    """
    step = _aligned_rows(network, row_bytes(design, 1, residual_words))
    groups = _groups(network, heads)
    tokens, sizes = network.num_tokens, set()
    for count in range(2, tokens + 1):
        rows = ceiling(ceiling(tokens, count), step) * step
        if rows in sizes or rows >= tokens:
            continue
        sizes.add(rows)
        tiles = tuple(Tile(first, min(rows, tokens - first)) for first in range(0, tokens, rows))
        lead = max(strips_of(network, tile).lead for tile in tiles)
        yield Tiling(tiles, groups, lead)


def strips_of(network: Network, tile: Tile) -> Strips:
    """Where the pixels of a tile are; the first strip begins at a line of memory."""
    patches = network.grid[1]
    strip_bytes = network.patch_size * network.image_width * network.channels
    step = LINE_BYTES // gcd(LINE_BYTES, strip_bytes)
    begin, end = max(tile.first - 1, 0), tile.end - 1
    first = begin // patches // step * step
    count = ceiling(end, patches) - first
    return Strips(first, count, begin - first * patches, end - first * patches)


def _aligned_rows(network: Network, row_size: int) -> int:
    """Tiles begin at a multiple of so many tokens: their rows and picks begin at a line."""
    kept = range(1, network.experts_per_token + 1) if network.moe_layers else ()
    sizes = [row_size, *(PICK_BYTES * count for count in kept)]
    return max(LINE_BYTES // gcd(LINE_BYTES, size) for size in sizes)


def _groups(network: Network, most: int) -> tuple[range, ...]:
    """As few groups as possible, as even as possible, the largest ones first."""
    heads = network.num_heads
    count = ceiling(heads, max(1, most))
    ends = [heads - heads * (count - 1 - index) // count for index in range(count)]
    return tuple(range(begin, end) for begin, end in zip([0, *ends], ends, strict=False))
