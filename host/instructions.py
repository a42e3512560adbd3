"""Instructions of the engine out of what a model's rows and parameters are."""

from collections.abc import Mapping
from dataclasses import dataclass

from m3vit.hls.design import DesignConfig
from m3vit.hls.image_command import image_command
from m3vit.hls.isa import (
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
from m3vit.model.compiled import CompiledModel
from m3vit.model.network import Task
from m3vit.model.parameters import Attention

from .arena import Region
from .buffers import Buffer, Buffers
from .packing import ceiling
from .placement import PlacedExperts, PlacedMatrix, PlacedModel, PlacedNorm
from .results import Outputs, kept_experts

MAX_SCORE = 1 << 15
"""No score is larger, so no larger threshold prunes more."""


@dataclass(frozen=True)
class Surroundings:
    """What all programs of a model share.

    Attributes:
        model: that they run. design: of the hardware. buffers: rows on chip. placed: parameters.
        image: pixels. outputs: by task. final_rows: what a final LayerNorm in front of a head
            leaves there. block_input, attended: of the snapshot in front of the first gate.
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


class InstructionWriter:
    """Collects the instructions of one program; a method per kind of work.

    Args:
        surroundings: of the model.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self.around, self.buffers = surroundings, surroundings.buffers
        self.network = surroundings.model.network
        self.instructions: list[Instruction] = []

    def begin(self) -> None:
        """The start of a program."""
        self._emit("BEGIN", design=self.around.design.design_id, version=VERSION)

    def end(self) -> None:
        """The end of a program."""
        self._emit("END")

    def image(self) -> None:
        """Pixels to rows of patches."""
        network, buffers, region = self.network, self.buffers, self.around.image
        size = (network.image_height, network.image_width, network.channels)
        self._emit(
            "IMAGE",
            address=region.line,
            beats=region.beats,
            **_rows(buffers.patches, network.num_tokens - 1),
            words=buffers.patch_channels.count // self.around.design.lanes,
            **image_command(self.around.design, size, network.patch_size),
        )

    def load(self, region: Region) -> None:
        """The whole residual stream from memory."""
        self._residual("LOAD", region)

    def store(self, region: Region) -> None:
        """The whole residual stream to memory."""
        self._residual("STORE", region)

    def norm(
        self,
        placed: PlacedNorm,
        to: Buffer | None = None,
        *,
        first: int = 0,
        rows: int | None = None,
        wide: int = WIDE_NONE,
        store: Region | None = None,
    ) -> None:
        """LayerNorm of residual rows: codes go to the front of a buffer, int16 rows to memory."""
        values = {} if to is None else _place(to)
        if store is not None:
            values |= {"store": store.line, "store_beats": store.beats}
        self._emit(
            "NORM",
            first=first,
            rows=self.network.num_tokens if rows is None else rows,
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

    def rows_to_gate(self) -> None:
        """The residual stream to the gate as it is."""
        self._emit(
            "NORM",
            rows=self.network.num_tokens,
            words=self.buffers.residual_words,
            width=self.network.width,
            wide=WIDE_GATE,
            raw=1,
        )

    def table(self, line: int) -> None:
        """Another activation function."""
        self._emit("TABLE", address=line)

    def to_tokens(
        self, placed: PlacedMatrix, rows: Buffer, to: Buffer, *, activate: int = 0
    ) -> None:
        """A matmul from buffer to buffer."""
        self._matmul(
            placed,
            rows,
            activate=activate,
            destination=TO_TOKENS,
            to_domain=to.domain,
            to_base=to.base,
            to_stride=to.words,
        )

    def to_residual(self, placed: PlacedMatrix, rows: Buffer, *, first: int = 0) -> None:
        """A matmul that is added to residual rows from `first` on."""
        self._matmul(
            placed,
            rows,
            rows=self.network.num_tokens - first,
            destination=TO_RESIDUAL,
            first=first,
            to_stride=self.buffers.residual_words,
        )

    def to_keys_and_values(self, keys: PlacedMatrix, values: PlacedMatrix) -> None:
        """Two matmuls of the LayerNorm's rows."""
        buffers = self.buffers
        for destination, placed, tiles in (
            (TO_KEYS, keys, buffers.keys),
            (TO_VALUES, values, buffers.values),
        ):
            self._matmul(
                placed,
                buffers.norm,
                destination=destination,
                to_stride=tiles.head,
                step=tiles.step,
                head_words=buffers.head_words,
            )

    def to_memory(self, placed: PlacedMatrix, rows: int, store: Region) -> None:
        """A matmul of the LayerNorm's rows whose results leave."""
        self._matmul(
            placed,
            self.buffers.norm,
            rows=rows,
            destination=TO_MEMORY,
            store=store.line,
            store_beats=store.beats,
        )

    def attention(self, head: int, attention: Attention) -> None:
        """One head, from queries to contexts."""
        buffers, design, tokens = self.buffers, self.around.design, self.network.num_tokens
        logits, context = attention.logits, attention.context
        self._emit(
            "ATTENTION",
            domain=buffers.queries.domain,
            base=buffers.queries.base + head * buffers.head_panel_words,
            stride=buffers.queries.words,
            rows=tokens,
            words=buffers.head_panel_words,
            beats=buffers.head_beats,
            keys=tokens,
            key_base=head * buffers.keys.head,
            key_groups=ceiling(tokens, design.array_outputs),
            value_base=head * buffers.values.head,
            value_groups=buffers.head_words,
            value_beats=buffers.values.step,
            logit_multiplier=int(logits.multiplier[head]),
            logit_shift=int(logits.shift[head]),
            multiplier=int(context.multiplier[head]),
            shift=int(context.shift[head]),
            zero_point=context.zero_point,
            to_domain=buffers.context.domain,
            to_base=buffers.context.base,
            to_stride=buffers.context.words,
            to_offset=head * buffers.head_words,
        )

    def gate(self, experts: PlacedExperts, task: Task, picks: Region) -> None:
        """Choose experts for the int16 rows of the NORM in front."""
        network, norm = self.network, self.buffers.norm
        kept = kept_experts(network, task)
        first, last = task.experts
        self._emit(
            "GATE",
            rows=network.num_tokens,
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
            picks=picks.line,
            pick_count=network.num_tokens * kept,
        )

    def experts(self, experts: PlacedExperts, task: Task, slot: int) -> None:
        """The experts that the gate chose, on the LayerNorm's rows."""
        norm, hidden = self.buffers.norm, self.buffers.expert_hidden
        first, last = task.experts
        self._emit(
            "EXPERTS",
            **_rows(norm, self.network.num_tokens),
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
        )

    def _matmul(
        self, placed: PlacedMatrix, source: Buffer, *, rows: int | None = None, **values: int
    ) -> None:
        self._emit(
            "MATMUL",
            **_rows(source, self.network.num_tokens if rows is None else rows),
            words=source.words,
            beats=source.beats,
            weights=placed.line,
            groups=placed.groups,
            chunks=placed.chunks,
            zero_point=placed.zero_point,
            bits=placed.bits,
            **values,
        )

    def _residual(self, name: str, region: Region) -> None:
        self._emit(
            name,
            address=region.line,
            beats=region.beats,
            rows=self.network.num_tokens,
            words=self.buffers.residual_words,
        )

    def _emit(self, name: str, **values: int) -> None:
        self.instructions.append(Instruction(name, **values))


def _place(buffer: Buffer) -> dict[str, int]:
    return {"domain": buffer.domain, "base": buffer.base, "stride": buffer.words}


def _rows(buffer: Buffer, rows: int) -> dict[str, int]:
    return {**_place(buffer), "rows": rows}
