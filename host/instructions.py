"""Instructions of the engine out of what a model's rows and parameters are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from m3vit.hls.design import DesignConfig
from m3vit.hls.image_command import image_command
from m3vit.hls.isa import (
    BEAT_BYTES,
    LINE_BYTES,
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    TO_VALUES,
    VERSION,
    WIDE_GATE,
    WIDE_NONE,
    Instruction,
)
from m3vit.hls.isa_checks import PICK_BYTES, row_bytes
from m3vit.model.compiled import CompiledModel
from m3vit.model.network import Task
from m3vit.model.parameters import Attention

from .arena import Region
from .buffers import Buffer, Buffers
from .packing import ceiling
from .placement import PlacedExperts, PlacedHeads, PlacedMatrix, PlacedModel, PlacedNorm
from .results import Outputs, kept_experts
from .tiling import Held, Tile, strips_of

MAX_SCORE = 1 << 15
"""No score is larger, so no larger threshold prunes more."""


@dataclass(frozen=True)
class Surroundings:
    """What all programs of a model share.

    Attributes:
        model: that they run. design: of the hardware. buffers: rows on chip. placed: parameters.
        image: pixels. outputs: by task. final_rows: what a final LayerNorm in front of a head
            leaves there. block_input, attended: of the snapshot in front of the first gate.
        stream: a block's input, and the same behind its attention, where the residual stream lies
            in memory.
    """

    model: CompiledModel
    design: DesignConfig
    buffers: Buffers
    placed: PlacedModel
    image: Region
    outputs: Mapping[str, Outputs]
    final_rows: Region
    block_input: Region
    attended: Region
    stream: tuple[Region, Region]


class InstructionWriter:
    """Collects the instructions of one program; a method per kind of work.

    Args:
        surroundings: of the model.

    Attributes:
        part: of the network, to which the next instructions belong.
        instructions: that were written. parts: of each.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self.around, self.buffers = surroundings, surroundings.buffers
        self.network = surroundings.model.network
        self.part = ""
        self.instructions: list[Instruction] = []
        self.parts: list[str] = []

    def begin(self) -> None:
        """The start of a program."""
        self._emit("BEGIN", design=self.around.design.design_id, version=VERSION)

    def end(self) -> None:
        """The end of a program."""
        self._emit("END")

    def image(self, tile: Tile) -> None:
        """Pixels to rows of patches: all strips that hold some of a tile's."""
        network, buffers, strips = self.network, self.buffers, strips_of(self.network, tile)
        height = strips.count * network.patch_size
        size = (height, network.image_width, network.channels)
        pixels = ceiling(math.prod(size), self.around.design.lanes) * self.around.design.lanes
        start = strips.first * network.patch_size * network.image_width * network.channels
        self._emit(
            "IMAGE",
            address=self.around.image.line + start // LINE_BYTES,
            beats=ceiling(pixels, BEAT_BYTES),
            **_rows(buffers.patches, strips.count * network.grid[1]),
            words=buffers.patch_channels.count // self.around.design.lanes,
            **image_command(self.around.design, size, network.patch_size),
        )

    def patches(self, held: Held) -> None:
        """The patches of a tile to its rows; those in front of it to rows that nobody reads."""
        strips = strips_of(self.network, held.tile)
        row = held.row + (1 if held.tile.first == 0 else 0)
        self._to_residual(
            self.around.placed.patches,
            self.buffers.patches,
            rows=strips.patches,
            first=row - strips.lead,
            bank=held.bank,
        )

    def load(self, region: Region, held: Held) -> None:
        """A tile of a residual stream from memory."""
        self._residual("LOAD", region, held)

    def store(self, region: Region, held: Held) -> None:
        """A tile of the residual stream to memory."""
        self._residual("STORE", region, held)

    def norm(
        self,
        placed: PlacedNorm,
        held: Held,
        *,
        wide: int = WIDE_NONE,
        store: Region | None = None,
        rows: range | None = None,
    ) -> None:
        """LayerNorm of a tile, or of some of its rows.

        Codes go to the LayerNorm's buffer; int16 rows to the gate or to the tile's place in memory.
        """
        chosen = range(held.tile.rows) if rows is None else rows
        values = _place(self.buffers.norm) if placed.codes else {}
        if store is not None:
            there = self._part(store, held.tile)
            values |= {"store": there.line, "store_beats": there.beats}
        self._emit(
            "NORM",
            first=held.row + chosen.start,
            rows=len(chosen),
            bank=held.bank,
            words=self.buffers.residual_words,
            width=self.network.width,
            epsilon=placed.epsilon,
            code_shift=placed.code_shift,
            wide_shift=placed.wide_shift,
            codes=placed.codes,
            wide=wide,
            parameters=placed.region.line,
            parameter_beats=placed.region.beats,
            **values,
        )

    def rows_to_gate(self, held: Held) -> None:
        """A tile of the residual stream to the gate as it is."""
        self._emit(
            "NORM",
            first=held.row,
            rows=held.tile.rows,
            bank=held.bank,
            words=self.buffers.residual_words,
            width=self.network.width,
            wide=WIDE_GATE,
            raw=1,
        )

    def table(self, line: int) -> None:
        """Another activation function."""
        self._emit("TABLE", address=line)

    def hidden(self, up: PlacedMatrix, held: Held) -> None:
        """Hidden rows of an MLP, out of the LayerNorm's."""
        self._to_tokens(up, held, self.buffers.hidden, activate=1)

    def add_hidden(self, down: PlacedMatrix, held: Held) -> None:
        """What an MLP adds to the residual stream."""
        self._to_residual(
            down, self.buffers.hidden, rows=held.tile.rows, first=held.row, bank=held.bank
        )

    def add_contexts(self, output: PlacedMatrix, held: Held) -> None:
        """What attention adds to the residual stream."""
        context = self.buffers.context
        mine = replace(context, base=context.base + held.tile.first * context.words)
        self._to_residual(output, mine, rows=held.tile.rows, first=held.row, bank=held.bank)

    def keys_and_values(self, placed: PlacedHeads, held: Held) -> None:
        """Two matmuls of the LayerNorm's rows."""
        buffers = self.buffers
        for destination, matrix, tiles in (
            (TO_KEYS, placed.keys, buffers.keys),
            (TO_VALUES, placed.values, buffers.values),
        ):
            self._matmul(
                matrix,
                buffers.norm,
                held.tile.rows,
                destination=destination,
                to_stride=tiles.head,
                first=held.tile.first,
                step=tiles.step,
                head_words=buffers.head_words,
            )

    def queries(self, placed: PlacedHeads, held: Held) -> None:
        """Queries out of the LayerNorm's rows."""
        self._to_tokens(placed.queries, held, self.buffers.queries)

    def to_memory(self, placed: PlacedMatrix, rows: int, store: Region) -> None:
        """A matmul of the LayerNorm's rows whose results leave."""
        self._matmul(
            placed,
            self.buffers.norm,
            rows,
            destination=TO_MEMORY,
            store=store.line,
            store_beats=store.beats,
        )

    def attention(self, attention: Attention, group: range, head: int, held: Held) -> None:
        """One head of a group, from a tile's queries to its contexts."""
        buffers, design, tokens = self.buffers, self.around.design, self.network.num_tokens
        logits, context = attention.logits, attention.context
        place = head - group.start
        self._emit(
            "ATTENTION",
            domain=buffers.queries.domain,
            base=buffers.queries.base + place * buffers.head_panel_words,
            stride=buffers.queries.words,
            rows=held.tile.rows,
            words=buffers.head_panel_words,
            beats=buffers.head_beats,
            keys=tokens,
            key_base=place * buffers.keys.head,
            key_groups=ceiling(tokens, design.array_outputs),
            value_base=place * buffers.values.head,
            value_groups=buffers.head_words,
            value_beats=buffers.values.step,
            logit_multiplier=int(logits.multiplier[head]),
            logit_shift=int(logits.shift[head]),
            multiplier=int(context.multiplier[head]),
            shift=int(context.shift[head]),
            zero_point=context.zero_point,
            to_domain=buffers.context.domain,
            to_base=buffers.context.base + held.tile.first * buffers.context.words,
            to_stride=buffers.context.words,
            to_offset=head * buffers.head_words,
        )

    def gate(self, experts: PlacedExperts, task: Task, picks: Region, tile: Tile) -> None:
        """Choose experts for the int16 rows of the NORM in front."""
        network, norm = self.network, self.buffers.norm
        kept = kept_experts(network, task)
        first, last = task.experts
        self._emit(
            "GATE",
            rows=tile.rows,
            words=norm.words,
            beats=norm.beats,
            weights=experts.gates[task.gate],
            groups=ceiling(network.num_experts, self.around.design.lanes),
            parameters=experts.rules[task.name],
            experts=network.num_experts,
            first=first,
            last=last,
            kept=kept,
            normalise_kept=int(network.norm_topk_prob),
            prune_threshold=min(max(network.prune_threshold, -1), MAX_SCORE),
            picks=picks.line + tile.first * kept * PICK_BYTES // LINE_BYTES,
            pick_count=tile.rows * kept,
        )

    def experts(self, experts: PlacedExperts, task: Task, slot: int, held: Held) -> None:
        """The experts that the gate chose, on the LayerNorm's rows."""
        norm, hidden = self.buffers.norm, self.buffers.expert_hidden
        first, last = task.experts
        self._emit(
            "EXPERTS",
            **_rows(norm, held.tile.rows),
            up_words=norm.words,
            up_beats=norm.beats,
            up_groups=experts.up_groups,
            hidden_domain=hidden.domain,
            hidden_base=hidden.base,
            hidden_stride=hidden.words,
            down_words=hidden.words,
            down_beats=hidden.beats,
            down_groups=experts.down_groups,
            weights=experts.line + first * experts.lines,
            expert_lines=experts.lines,
            first=first,
            experts=last - first,
            slot=slot,
            zero_point=experts.zero_point,
            residual_words=self.buffers.residual_words,
            to_first=held.row,
            bank=held.bank,
        )

    def _to_tokens(
        self, placed: PlacedMatrix, held: Held, to: Buffer, *, activate: int = 0
    ) -> None:
        """A matmul of the LayerNorm's rows to a buffer."""
        self._matmul(
            placed,
            self.buffers.norm,
            held.tile.rows,
            activate=activate,
            destination=TO_TOKENS,
            to_domain=to.domain,
            to_base=to.base,
            to_stride=to.words,
        )

    def _to_residual(
        self, placed: PlacedMatrix, source: Buffer, *, rows: int, first: int, bank: int
    ) -> None:
        """A matmul that is added to residual rows from `first` on."""
        self._matmul(
            placed,
            source,
            rows,
            destination=TO_RESIDUAL,
            first=first,
            bank=bank,
            to_stride=self.buffers.residual_words,
        )

    def _matmul(self, placed: PlacedMatrix, source: Buffer, rows: int, **values: int) -> None:
        self._emit(
            "MATMUL",
            **_rows(source, rows),
            words=source.words,
            beats=source.beats,
            weights=placed.line,
            groups=placed.groups,
            chunks=placed.chunks,
            zero_point=placed.zero_point,
            bits=placed.bits,
            **values,
        )

    def _residual(self, name: str, region: Region, held: Held) -> None:
        there = self._part(region, held.tile)
        self._emit(
            name,
            address=there.line,
            beats=there.beats,
            first=held.row,
            rows=held.tile.rows,
            words=self.buffers.residual_words,
            bank=held.bank,
        )

    def _part(self, region: Region, tile: Tile) -> Region:
        """A tile's rows of all rows; they begin at a line."""
        design, words = self.around.design, self.buffers.residual_words
        start = row_bytes(design, tile.first, words)
        return Region(region.line + start // LINE_BYTES, row_bytes(design, tile.rows, words))

    def _emit(self, name: str, **values: int) -> None:
        self.instructions.append(Instruction(name, **values))
        self.parts.append(self.part)


def _place(buffer: Buffer) -> dict[str, int]:
    return {"domain": buffer.domain, "base": buffer.base, "stride": buffer.words}


def _rows(buffer: Buffer, rows: int) -> dict[str, int]:
    return {**_place(buffer), "rows": rows}
