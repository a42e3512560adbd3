"""The walk of `model.reference.Reference` through a network, as instructions of the engine."""

from collections.abc import Mapping
from dataclasses import dataclass

from m3vit.hls.design import DesignConfig
from m3vit.hls.image_command import image_command
from m3vit.hls.isa import (
    BEAT_BYTES,
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    TO_VALUES,
    VERSION,
    WIDE_GATE,
    WIDE_MEMORY,
    WIDE_NONE,
    Instruction,
)
from m3vit.model.compiled import CompiledModel
from m3vit.model.network import Task
from m3vit.model.parameters import Attention

from .arena import Region
from .buffers import Buffer, Buffers
from .packing import ceiling
from .placement import PlacedExperts, PlacedLayer, PlacedMatrix, PlacedModel, PlacedNorm
from .results import Outputs, kept_experts, row_bytes

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


class Walk:
    """Collects the instructions of one program.

    Args:
        surroundings: of the model.
        traces: where residual streams are stored, by trace name; those that are not named are not
            stored.
    """

    def __init__(
        self, surroundings: Surroundings, traces: Mapping[str, Region] | None = None
    ) -> None:
        self.around = surroundings
        self.buffers, self.placed = surroundings.buffers, surroundings.placed
        self.network = surroundings.model.network
        self.traces = traces or {}
        self.instructions: list[Instruction] = []

    def image(self, task: Task) -> tuple[Instruction, ...]:
        """From pixels to the output of a task."""
        self._begin()
        self._embed()
        for index in range(self.network.num_layers):
            self._layer(index, task)
        self._head(task)
        return self._end()

    def prefix(self) -> tuple[Instruction, ...]:
        """From pixels to the first gate, as `Reference.begin`; the snapshot keeps the result."""
        self._begin()
        self._embed()
        for index in range(self.network.first_gate):
            self._attend(index)
            self._dense(index)
        if not self.network.moe_layers or self.network.gate_input_ahead:
            self._store(self.around.block_input)
        if self.network.moe_layers:
            self._attend(self.network.first_gate)
            self._store(self.around.attended)
        return self._end()

    def suffix(self, task: Task) -> tuple[Instruction, ...]:
        """From the snapshot to the output of a task, as `Reference.finish`."""
        network, first = self.network, self.network.first_gate
        self._begin()
        if not network.moe_layers:
            self._load(self.around.block_input)
        else:
            if network.gate_input_ahead:
                self._load(self.around.block_input)
                self._gate_ahead(first, task)
            self._load(self.around.attended)
            self._mixture(first, task)
        for index in range(first + 1, network.num_layers):
            self._layer(index, task)
        self._head(task)
        return self._end()

    def _layer(self, index: int, task: Task) -> None:
        if index not in self.network.moe_layers:
            self._attend(index)
            self._dense(index)
            return
        if self.network.gate_input_ahead:
            self._gate_ahead(index, task)
        self._attend(index)
        self._mixture(index, task)

    def _begin(self) -> None:
        self._emit("BEGIN", design=self.around.design.design_id, version=VERSION)

    def _end(self) -> tuple[Instruction, ...]:
        self._emit("END")
        return tuple(self.instructions)

    def _embed(self) -> None:
        """Patches and positions; the class token has no patch."""
        network, buffers, region = self.network, self.buffers, self.around.image
        size = (network.image_height, network.image_width, network.channels)
        self._emit(
            "IMAGE",
            address=region.line,
            beats=region.beats,
            domain=buffers.patches.domain,
            base=buffers.patches.base,
            stride=buffers.patches.words,
            rows=network.num_tokens - 1,
            words=buffers.patch_channels.count // self.around.design.lanes,
            **image_command(self.around.design, size, network.patch_size),
        )
        self._load(self.placed.positions)
        self._to_residual(self.placed.patches, buffers.patches, first=1)
        self._trace("embeddings.output")

    def _attend(self, index: int) -> None:
        """Residual + attention(LayerNorm(residual))."""
        buffers, layer = self.buffers, self.placed.layers[index]
        attention = self.around.model.layers[index].attention
        self._norm(layer.attention_norm, buffers.norm)
        self._to_tokens(layer.queries, buffers.norm, buffers.queries)
        for destination, placed, tiles in (
            (TO_KEYS, layer.keys, buffers.keys),
            (TO_VALUES, layer.values, buffers.values),
        ):
            self._matmul(
                placed,
                buffers.norm,
                destination=destination,
                to_stride=tiles.head,
                step=tiles.step,
                head_words=buffers.head_words,
            )
        for head in range(self.network.num_heads):
            self._attention(head, attention)
        self._to_residual(layer.output, buffers.context)
        self._trace(f"layers.{index}.attended")

    def _attention(self, head: int, attention: Attention) -> None:
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

    def _dense(self, index: int) -> None:
        """Attended + MLP(LayerNorm(attended))."""
        buffers, layer = self.buffers, self.placed.layers[index]
        assert layer.mlp is not None
        self._norm(layer.norm, buffers.norm)
        self._emit("TABLE", address=layer.mlp.table)
        self._to_tokens(layer.mlp.up, buffers.norm, buffers.hidden, activate=1)
        self._to_residual(layer.mlp.down, buffers.hidden)
        self._trace(f"layers.{index}.output")

    def _mixture(self, index: int, task: Task) -> None:
        """Attended + scores x experts(LayerNorm(attended))."""
        buffers, layer = self.buffers, self.placed.layers[index]
        experts = _experts_of(layer)
        if self.network.gate_input_ahead:
            self._norm(layer.norm, buffers.norm)
        else:
            self._norm(layer.norm, buffers.norm, wide=WIDE_GATE)
            self._gate(index, experts, task)
        first, last = task.experts
        self._emit("TABLE", address=experts.table)
        self._emit(
            "EXPERTS",
            **_rows(buffers.norm, self.network.num_tokens),
            up_words=buffers.norm.words,
            up_beats=buffers.norm.beats,
            up_groups=experts.up_groups,
            hidden_domain=buffers.expert_hidden.domain,
            hidden_base=buffers.expert_hidden.base,
            hidden_stride=buffers.expert_hidden.words,
            down_words=buffers.expert_hidden.words,
            down_beats=buffers.expert_hidden.beats,
            down_groups=experts.down_groups,
            weights=experts.line + first * experts.lines,
            expert_lines=experts.lines,
            first=first,
            experts=last - first,
            slot=self.network.moe_layers.index(index),
            zero_point=experts.zero_point,
            residual_words=buffers.residual_words,
        )
        self._trace(f"layers.{index}.output")

    def _gate_ahead(self, index: int, task: Task) -> None:
        """The gate reads the block's input as it is."""
        self._emit(
            "NORM",
            first=0,
            rows=self.network.num_tokens,
            words=self.buffers.residual_words,
            width=self.network.width,
            wide=WIDE_GATE,
            raw=1,
        )
        self._gate(index, _experts_of(self.placed.layers[index]), task)

    def _gate(self, index: int, experts: PlacedExperts, task: Task) -> None:
        """Choose experts for the int16 rows of the NORM in front."""
        network, norm = self.network, self.buffers.norm
        first, last = task.experts
        kept = kept_experts(network, task)
        picks = self.around.outputs[task.name].picks[network.moe_layers.index(index)]
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

    def _head(self, task: Task) -> None:
        """From the last block to the codes that leave the network."""
        network, final = self.network, self.placed.final_norm
        outputs = self.around.outputs[task.name]
        if network.head == "tokens":
            if final is None:
                self._store(outputs.codes)
            else:
                self._norm(final, wide=WIDE_MEMORY, store=outputs.codes)
            return
        if final is not None:
            self._norm(final, wide=WIDE_MEMORY, store=self.around.final_rows)
            self._load(self.around.final_rows)
        head = self.placed.heads[task.name]
        first, rows = outputs.rows
        self._norm(head.norm, self.buffers.norm, first=first, rows=rows)
        self._matmul(
            head.projection,
            self.buffers.norm,
            rows=rows,
            destination=TO_MEMORY,
            store=outputs.codes.line,
            store_beats=outputs.codes.beats,
        )

    def _norm(
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

    def _to_tokens(
        self, placed: PlacedMatrix, rows: Buffer, to: Buffer, *, activate: int = 0
    ) -> None:
        self._matmul(
            placed,
            rows,
            activate=activate,
            destination=TO_TOKENS,
            to_domain=to.domain,
            to_base=to.base,
            to_stride=to.words,
        )

    def _to_residual(self, placed: PlacedMatrix, rows: Buffer, *, first: int = 0) -> None:
        """Add to residual rows from `first` on."""
        self._matmul(
            placed,
            rows,
            rows=self.network.num_tokens - first,
            destination=TO_RESIDUAL,
            first=first,
            to_stride=self.buffers.residual_words,
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

    def _load(self, region: Region) -> None:
        self._whole_residual("LOAD", region)

    def _store(self, region: Region) -> None:
        self._whole_residual("STORE", region)

    def _trace(self, name: str) -> None:
        if name in self.traces:
            self._store(self.traces[name])

    def _whole_residual(self, name: str, region: Region) -> None:
        tokens, words = self.network.num_tokens, self.buffers.residual_words
        size = tokens * row_bytes(words, self.around.design)
        beats = ceiling(size, BEAT_BYTES)
        self._emit(name, address=region.line, beats=beats, first=0, rows=tokens, words=words)

    def _emit(self, name: str, **values: int) -> None:
        self.instructions.append(Instruction(name, **values))


def _place(buffer: Buffer) -> dict[str, int]:
    return {"domain": buffer.domain, "base": buffer.base, "stride": buffer.words}


def _rows(buffer: Buffer, rows: int) -> dict[str, int]:
    return {**_place(buffer), "rows": rows}


def _experts_of(layer: PlacedLayer) -> PlacedExperts:
    assert layer.experts is not None
    return layer.experts
