"""Resources of a design by formulas, within microseconds, where yosys takes many minutes.

Memories are counted block by block from their shapes, and the array's DSP blocks from its size.
Everything else is a straight line for each unit through what yosys made of `nano` and `zcu104`,
along the width that the unit grows with.
"""

from collections.abc import Callable
from dataclasses import dataclass

from m3vit.hls.design import DesignConfig

from .calibration import MAPPED
from .cells import Resources

_LUTRAM_BITS, _LUTRAM_WORDS = 4096, 64
"""A queue that exceeds both is block RAM, as `stream_fifo.sv` decides."""

_BLOCK_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
_URAM_WIDTH, _URAM_DEPTH = 72, 4096
_URAM_PARTS = ((9, 8), (18, 4), (36, 2), (72, 1))  # bits of a narrow word, and words in a wide one
_PAGE = 16  # tokens of an expert's queue that are kept together
_WAITING_BLOCKS = 4  # of attention weights, see `kWeightWords` in engine_top.cpp


def model(design: DesignConfig) -> Resources:
    """What a design's accelerator takes."""
    total = Resources()
    for used in units(design).values():
        total += used
    return total


def units(design: DesignConfig) -> dict[str, Resources]:
    """Unit -> what it takes, as `EngineEstimate.units` has them."""
    memories = _memories(design)
    return {
        unit: _line(unit, design) + memories.get(unit, Resources()) for unit in MAPPED["zcu104"]
    }


# Logic --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Design:
    """Widths of the designs that yosys has mapped."""

    array_tokens: int
    array_inputs: int
    lanes: int
    panel_lanes: int
    read_ports: int
    weight_tiles: int

    @property
    def array_outputs(self) -> int:
        return self.lanes


_Sizes = DesignConfig | _Design
_SHIPPED = {"nano": _Design(2, 8, 4, 4, 1, 8192), "zcu104": _Design(4, 32, 16, 32, 4, 4096)}


def _products(sizes: _Sizes) -> int:
    return sizes.array_tokens * sizes.array_inputs * sizes.array_outputs


def _tile(sizes: _Sizes) -> int:
    return sizes.array_inputs * sizes.array_outputs


def _lanes(sizes: _Sizes) -> int:
    return sizes.lanes


def _panel(sizes: _Sizes) -> int:
    return sizes.panel_lanes


def _ports(sizes: _Sizes) -> int:
    return sizes.read_ports


def _tiles_between(sizes: _Sizes) -> int:
    """Bits of a tile of weights, of one of activations and of one of sums."""
    outputs, inputs, tokens = sizes.array_outputs, sizes.array_inputs, sizes.array_tokens
    return 8 * outputs * inputs + 9 * tokens * inputs + 32 * tokens * outputs


_GROWS_WITH: dict[str, Callable[[_Sizes], int]] = {
    "matmul array": _products,
    "weights": _tile,
    "token memory": _panel,
    "key and value memory": _tile,
    "residual memory": _lanes,
    "requantisation, GELU": _lanes,
    "softmax": _lanes,
    "LayerNorm": _lanes,
    "gate, routing": _lanes,
    "patches, data, results": _lanes,
    "instructions": _lanes,
    "AXI, registers": _ports,
    "queues between units": _tiles_between,
    "wiring": _tiles_between,
}


def _selection(unit: str, sizes: _Sizes) -> int:
    """LUTs that choose among the blocks of a ring that is deeper than one: one for four blocks."""
    if unit != "weights":
        return 0
    return 8 * _tile(sizes) * -(-(-(-sizes.weight_tiles // _URAM_DEPTH) - 1) // 3)


def _line(unit: str, design: DesignConfig) -> Resources:
    width = _GROWS_WITH[unit]
    low, high = width(_SHIPPED["nano"]), width(_SHIPPED["zcu104"])
    share = (width(design) - low) / (high - low)

    def at(number: Callable[[str], int]) -> int:
        return max(0, round((1 - share) * number("nano") + share * number("zcu104")))

    def plain_lut(name: str) -> int:
        return MAPPED[name][unit].lut - _selection(unit, _SHIPPED[name])

    array = unit == "matmul array"
    return Resources(
        lut=at(plain_lut) + _selection(unit, design),
        memory_lut=at(lambda name: MAPPED[name][unit].memory_lut),
        ff=at(lambda name: MAPPED[name][unit].ff),
        dsp=design.array_tokens // 2 * _tile(design)
        if array
        else at(lambda name: MAPPED[name][unit].dsp),
    )


# Memories -----------------------------------------------------------------------------------------


def block_ram(width: int, depth: int) -> Resources:
    """A memory of half block RAMs, all used in the one shape that needs fewest."""
    halves = min(-(-width // wide) * -(-depth // deep) for wide, deep in _BLOCK_SHAPES)
    return Resources(ramb18=halves)


def ultra_ram(width: int, depth: int) -> Resources:
    """A memory of UltraRAM; what is left of the width shares a block's words among addresses."""
    full, rest = divmod(width, _URAM_WIDTH)
    blocks = full * -(-depth // _URAM_DEPTH)
    if rest:
        words = next(count for bits, count in _URAM_PARTS if rest <= bits)
        blocks += -(-depth // (_URAM_DEPTH * words))
    return Resources(uram=blocks)


def queue(width: int, depth: int) -> Resources:
    """The blocks of a queue; a short one has none."""
    if depth <= _LUTRAM_WORDS or width * depth <= _LUTRAM_BITS:
        return Resources()
    return block_ram(width, depth)


def _memories(design: DesignConfig) -> dict[str, Resources]:
    """Unit -> its blocks, from the shapes in `hls/include` and the depths of `engine_top.cpp`."""
    lanes, panel, tokens = design.lanes, design.panel_lanes, design.max_tokens
    half = design.array_tokens // 2  # rows of a softmax
    visit = 28  # token, expert's place, score
    pages = tokens * design.max_experts_per_token // _PAGE + design.max_experts
    page_table = -(-tokens // _PAGE) * design.max_experts
    row_words = -(-design.max_width // lanes)
    return {
        "weights": ultra_ram(8 * _tile(design), design.weight_tiles)
        + block_ram(48 * lanes, design.parameter_words),
        "token memory": ultra_ram(8 * lanes, design.token_words).times(panel // lanes),
        "key and value memory": block_ram(8 * lanes, 2 * design.key_value_tiles).times(
            design.array_inputs
        ),
        "residual memory": ultra_ram(18 * lanes, design.residual_words),
        "softmax": queue(16 * lanes, half * -(-tokens // lanes) + 16).times(2),
        "LayerNorm": queue(16 * lanes, row_words + 64) + queue(49, row_words + 64),
        "gate, routing": block_ram(visit, _PAGE * pages)
        + block_ram((pages - 1).bit_length(), page_table)
        + queue(31, design.array_tokens // 2 * design.max_experts + 16)
        + Resources(ramb18=1),  # the table of exponentials
        "patches, data, results": block_ram(8, 2 * design.max_strip_bytes // lanes).times(lanes),
        "AXI, registers": queue(129, 128) + _weight_lines(design),
        "queues between units": queue(9 * panel, 4 * -(-design.max_width // panel))
        + queue(9 * panel, _WAITING_BLOCKS * half * -(-tokens // panel)).times(2)
        + queue(visit, tokens),
    }


def _weight_lines(design: DesignConfig) -> Resources:
    return queue(128 * design.read_ports + 1, 128 // design.read_ports)
