"""The parameters of a compiled model in the engine's memory; all tasks share them."""

from dataclasses import dataclass, replace

import numpy as np

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import LINE_BYTES
from m3vit.model.compiled import CompiledModel
from m3vit.model.parameters import Gate, Layer, LayerNorm, Linear, Mlp

from .arena import Arena, Region
from .buffers import Buffer, Buffers
from .chunks import check_one_chunk, chunk_groups
from .packing import (
    RESIDUAL_SUM_BITS,
    Channels,
    pack_affines,
    pack_bytes,
    pack_gate_parameters,
    pack_gate_weights,
    pack_matrix,
    pack_rows,
)


@dataclass(frozen=True)
class PlacedMatrix:
    """Where a matmul's chunks begin, and the fields of MATMUL that tell about them."""

    line: int
    groups: int
    chunks: int
    zero_point: int
    bits: int


@dataclass(frozen=True)
class PlacedNorm:
    """Where a LayerNorm's parameters lie, and the fields of NORM that tell about it."""

    region: Region
    epsilon: int
    code_shift: int
    wide_shift: int
    codes: int


@dataclass(frozen=True)
class PlacedMlp:
    """Two matmuls and the table between them."""

    up: PlacedMatrix
    table: int
    down: PlacedMatrix


@dataclass(frozen=True)
class PlacedExperts:
    """Experts of a layer, all of `lines` lines, and its gates.

    Attributes:
        line: of expert 0. gates: weights of each gate. rules: requantisation, by task.
    """

    line: int
    lines: int
    up_groups: int
    down_groups: int
    zero_point: int
    table: int
    gates: dict[int, int]
    rules: dict[str, int]


@dataclass(frozen=True)
class PlacedHeads:
    """Projections of some neighbouring heads; `heads`: which."""

    heads: range
    queries: PlacedMatrix
    keys: PlacedMatrix
    values: PlacedMatrix


@dataclass(frozen=True)
class PlacedLayer:
    """A transformer block; either `mlp` or `experts`. `heads`: group after group."""

    attention_norm: PlacedNorm
    heads: tuple[PlacedHeads, ...]
    output: PlacedMatrix
    norm: PlacedNorm
    mlp: PlacedMlp | None
    experts: PlacedExperts | None


@dataclass(frozen=True)
class PlacedHead:
    """LayerNorm and matmul of a task's head."""

    norm: PlacedNorm
    projection: PlacedMatrix


@dataclass(frozen=True)
class PlacedModel:
    """All parameters.

    Attributes:
        positions: residual rows that the patches are added to; the class token first.
    """

    patches: PlacedMatrix
    positions: Region
    layers: tuple[PlacedLayer, ...]
    final_norm: PlacedNorm | None
    heads: dict[str, PlacedHead]


class Placement:
    """Puts the parameters of a model into an arena.

    Args:
        model: whose parameters.
        design: sizes of words, tiles and rings.
        buffers: how the model's rows lie.
        arena: that receives them.
    """

    def __init__(
        self, model: CompiledModel, design: DesignConfig, buffers: Buffers, arena: Arena
    ) -> None:
        self.model, self.design, self.buffers, self.arena = model, design, buffers, arena

    def place(self) -> PlacedModel:
        """All of them, in the order of their use.

        Raises:
            UserError: a matmul that the rings cannot hold, or experts of a layer that differ in
                what the engine has once.
        """
        parameters, buffers = self.model.parameters, self.buffers
        embeddings = parameters.embeddings
        rows = np.concatenate((embeddings.cls_row[None], embeddings.positions))
        positions = self.arena.place(pack_rows(rows, self.design.lanes))
        patches = self._matrix(
            "the patch embedding",
            embeddings.projection,
            buffers.patches,
            buffers.patch_channels,
            buffers.channels,
        )
        layers = tuple(self._layer(index, layer) for index, layer in enumerate(parameters.layers))
        final_norm = None if parameters.final_norm is None else self._norm(parameters.final_norm)
        heads = {
            name: PlacedHead(
                self._norm(head.norm),
                self._matrix(
                    f"the head of task '{name}'",
                    head.projection,
                    buffers.norm,
                    buffers.channels,
                    Channels.plain(head.projection.bias.size, self.design.lanes),
                ),
            )
            for name, head in parameters.heads.items()
        }
        return PlacedModel(patches, positions, layers, final_norm, heads)

    def _layer(self, index: int, layer: Layer) -> PlacedLayer:
        buffers, attention = self.buffers, layer.attention
        name = f"layers.{index}"
        norm = self._norm(attention.norm)
        heads = tuple(
            self._heads(f"{name}.attention", attention.projection, group)
            for group in buffers.tiling.head_groups
        )
        output = self._matrix(
            f"{name}.attention.output",
            attention.output,
            buffers.context,
            buffers.heads,
            buffers.channels,
        )
        second = self._norm(layer.norm)
        mlp = None if layer.mlp is None else self._mlp(f"{name}.mlp", layer.mlp)
        experts = None if layer.gate is None else self._experts(name, layer, layer.gate)
        return PlacedLayer(norm, heads, output, second, mlp, experts)

    def _heads(self, name: str, projection: Linear, group: range) -> PlacedHeads:
        """What one matmul of the network computes, divided by use and by heads."""
        buffers, network = self.buffers, self.model.network
        width = network.head_dim
        outputs = Channels.by_head(len(group), width, self.design.panel_lanes)
        queries, keys, values = (
            self._matrix(
                f"{name}.{part}",
                _outputs(
                    projection,
                    slice(
                        index * network.width + group.start * width,
                        index * network.width + group.stop * width,
                    ),
                ),
                buffers.norm,
                buffers.channels,
                outputs,
                whole=part != "query",
            )
            for index, part in enumerate(("query", "key", "value"))
        )
        return PlacedHeads(group, queries, keys, values)

    def _mlp(self, name: str, mlp: Mlp) -> PlacedMlp:
        buffers = self.buffers
        plain, hidden = buffers.channels, buffers.hidden_channels
        up = self._matrix(f"{name}.up", mlp.up, buffers.norm, plain, hidden)
        table = self.arena.place(pack_bytes(mlp.table)).line
        down = self._matrix(f"{name}.down", mlp.down, buffers.hidden, hidden, plain)
        return PlacedMlp(up, table, down)

    def _experts(self, name: str, layer: Layer, gate: Gate) -> PlacedExperts:
        buffers, design, experts = self.buffers, self.design, layer.experts
        plain, hidden = buffers.channels, buffers.expert_channels
        up_groups, down_groups = hidden.count // design.lanes, plain.count // design.lanes
        gate_groups = -(-gate.weight.shape[1] // design.lanes)
        for what, groups, beats in (
            ("an expert's first matmul", up_groups, buffers.norm.beats),
            ("an expert's second matmul", down_groups, buffers.expert_hidden.beats),
            ("the gate", gate_groups, buffers.norm.beats),
        ):
            check_one_chunk(design, f"{what} in {name}", groups, beats)
        for index, expert in enumerate(experts):
            if expert.up.zero_point != experts[0].up.zero_point:
                raise UserError(
                    f"experts 0 and {index} of {name} have different zero points of their hidden "
                    "codes and the engine has one for a layer: compile the model again"
                )
            if not np.array_equal(expert.table, experts[0].table):
                raise UserError(
                    f"experts 0 and {index} of {name} have different activation tables and the "
                    "engine has one for a layer: compile the model again"
                )
        gates = {
            which: self.arena.place(pack_gate_weights(design, weights)).line
            for which, weights in enumerate(gate.weight)
        }
        rules = {
            task.name: self.arena.place(pack_gate_parameters(gate, task.gate, position)).line
            for position, task in enumerate(self.model.tasks)
        }
        table = self.arena.place(pack_bytes(experts[0].table)).line
        blobs = [
            np.concatenate(
                (
                    pack_matrix(design, expert.up, plain, hidden, up_groups),
                    pack_matrix(design, expert.down, hidden, plain, down_groups),
                )
            )
            for expert in experts
        ]
        return PlacedExperts(
            line=self.arena.place(np.concatenate(blobs)).line,
            lines=blobs[0].size // LINE_BYTES,
            up_groups=up_groups,
            down_groups=down_groups,
            zero_point=experts[0].up.zero_point,
            table=table,
            gates=gates,
            rules=rules,
        )

    def _norm(self, norm: LayerNorm) -> PlacedNorm:
        affines = [norm.output] if norm.gate is None else [norm.output, norm.gate]
        codes = norm.output.bits == 8
        wide = affines[-1].shift if affines[-1].bits == 16 else 0
        return PlacedNorm(
            region=self.arena.place(pack_affines(affines, self.design.lanes)),
            epsilon=norm.epsilon,
            code_shift=norm.output.shift if codes else 0,
            wide_shift=wide,
            codes=int(codes),
        )

    def _matrix(
        self,
        name: str,
        linear: Linear,
        rows: Buffer,
        inputs: Channels,
        outputs: Channels,
        whole: bool = False,
    ) -> PlacedMatrix:
        """A matmul of rows of a buffer, in one chunk if `whole`."""
        design = self.design
        all_groups = outputs.count // design.lanes
        if whole:
            check_one_chunk(design, name, all_groups, rows.beats)
            groups = all_groups
        else:
            groups = chunk_groups(design, name, all_groups, rows.words, rows.beats)
        region = self.arena.place(pack_matrix(design, linear, inputs, outputs, groups))
        return PlacedMatrix(
            region.line,
            groups,
            all_groups // groups,
            linear.zero_point,
            min(linear.bits, RESIDUAL_SUM_BITS),
        )


def _outputs(linear: Linear, which: slice) -> Linear:
    """Some of a matmul's outputs."""
    return replace(
        linear,
        weight=linear.weight[which],
        bias=linear.bias[which],
        multiplier=linear.multiplier[which],
        shift=linear.shift[which],
    )
