"""The walk of `model.reference.Reference` through a network, as instructions of the engine.

A layer is some passes over the tokens, tile after tile (`tiling.py`). A network that is not divided
has one tile, which stays on the chip; of others every tile is loaded, and stored if the pass
changes it. A tile's front (its rows, normalised) stands before what the tile in front leaves to be
stored, so that the array finds the next rows there when it is done with the last ones.
"""

from collections.abc import Callable, Mapping
from functools import partial

from m3vit.hls.isa import WIDE_GATE, WIDE_MEMORY, WIDE_NONE, Instruction
from m3vit.model.network import Task

from .arena import Region
from .instructions import InstructionWriter, Surroundings
from .placement import PlacedExperts, PlacedHead, PlacedHeads, PlacedNorm
from .results import OutputPart
from .tiling import Held, Tile

SLOTS = 64
"""Layers with experts for which the engine remembers those that were used last."""

EMBEDDING, HEAD = "embedding", "head"

Work = Callable[[Held], None]


def attended_name(layer: int) -> str:
    """The residual stream behind a layer's attention, as the reference calls it in its traces."""
    return f"layers.{layer}.attended"


def output_name(layer: int) -> str:
    """The residual stream behind a layer; behind the embedding for layer -1."""
    return f"layers.{layer}.output" if layer >= 0 else "embeddings.output"


class Walk:
    """One program; call `image`, `prefix` or `suffix` once.

    Args:
        surroundings: of the model.
        kept: where residual streams are stored, by name; those that are not named are stored only
            if they do not stay on the chip.
    """

    def __init__(
        self, surroundings: Surroundings, kept: Mapping[str, Region] | None = None
    ) -> None:
        self.around = surroundings
        self.tiling, self.placed = surroundings.buffers.tiling, surroundings.placed
        self.network = surroundings.model.network
        self.kept = kept or {}
        self.write = InstructionWriter(surroundings)
        self._rows: Region | None = None  # where the residual stream is, if not on the chip
        self._turn = 0  # of tiles
        self._behind: Callable[[], None] | None = None  # what a tile leaves to be stored

    @property
    def parts(self) -> tuple[str, ...]:
        """The part of the network to which each instruction belongs."""
        return tuple(self.write.parts)

    def image(self, task: Task) -> tuple[Instruction, ...]:
        """From pixels to the output of a task."""
        self.write.part = EMBEDDING
        self.write.begin()
        self._embed()
        for index in range(self.network.num_layers):
            self._layer(index, task)
        self._head(task)
        return self._end()

    def prefix(self) -> tuple[Instruction, ...]:
        """From pixels to the first gate, as `Reference.begin`; what is kept is its result."""
        self.write.part = EMBEDDING
        self.write.begin()
        self._embed()
        for index in range(self.network.first_gate):
            self.write.part = _attention_part(index)
            self._table(index)
            self._attend(index)
            self._dense(index)
        if self.network.moe_layers:
            self._attend(self.network.first_gate)
        return self._end()

    def suffix(self, task: Task) -> tuple[Instruction, ...]:
        """From the snapshot to the output of a task, as `Reference.finish`."""
        network, first = self.network, self.network.first_gate
        self.write.part = _experts_part(first) if network.moe_layers else HEAD
        self.write.begin()
        if not network.moe_layers:
            self._rows = self.around.block_input
        else:
            self._rows = self.around.attended
            self._table(first)
            self._mixture(first, task, self.around.block_input)
        for index in range(first + 1, network.num_layers):
            self._layer(index, task)
        self._head(task)
        return self._end()

    def _end(self) -> tuple[Instruction, ...]:
        self._store_behind()
        self.write.end()
        return tuple(self.write.instructions)

    # Tiles ----------------------------------------------------------------------------------------

    def _tile(self, tile: Tile, front: Work, core: Work, behind: Work | None = None) -> None:
        """Work on a tile: what comes early, what the array does, what is stored afterwards."""
        held = self.tiling.held(tile, self._turn)
        self._turn += 1
        front(held)
        self._store_behind()
        core(held)
        if behind is not None:
            self._behind = partial(behind, held)

    def _store_behind(self) -> None:
        if self._behind is not None:
            self._behind()
            self._behind = None

    def _bring(self, rows: Region | None, held: Held) -> None:
        """Rows that are not on the chip."""
        if rows is not None:
            self.write.load(rows, held)

    def _stored(self, name: str, otherwise: Region) -> Work | None:
        """How a pass stores what it leaves; from now on that is the residual stream."""
        region = self.kept.get(name)
        if region is None and self.tiling.streamed:
            region = otherwise
        self._rows = region if self.tiling.streamed else None
        return None if region is None else partial(self.write.store, region)

    # Passes ---------------------------------------------------------------------------------------

    def _embed(self) -> None:
        """Patches and positions; the class token has no patch.

        Positions come first: the array cannot add patches to what is not there, and both come by
        the same port.
        """
        store = self._stored(output_name(-1), self.around.stream[0])

        def front(held: Held) -> None:
            self.write.load(self.placed.positions, held)
            if held.tile.end > 1:
                self.write.image(held.tile)

        def core(held: Held) -> None:
            if held.tile.end > 1:
                self.write.patches(held)

        for tile in self.tiling.tiles:
            self._tile(tile, front, core, store)

    def _layer(self, index: int, task: Task) -> None:
        self.write.part = _attention_part(index)
        self._table(index)
        if index not in self.network.moe_layers:
            self._attend(index)
            self._dense(index)
            return
        block_input = self._rows
        if self.network.gate_input_ahead and block_input is None:
            self.write.part = _experts_part(index)
            self._gate_ahead(index, task, self.tiling.held(self.tiling.tiles[0], 0))
        self._attend(index)
        self._mixture(index, task, block_input)

    def _table(self, index: int) -> None:
        """What a block needs late, early: nothing waits while it is loaded."""
        layer = self.placed.layers[index]
        mlp = layer.experts or layer.mlp
        assert mlp is not None
        self.write.table(mlp.table)

    def _attend(self, index: int) -> None:
        """Residual + attention(LayerNorm(residual))."""
        self.write.part = _attention_part(index)
        layer, rows = self.placed.layers[index], self._rows
        attention = self.around.model.layers[index].attention
        last = layer.heads[-1]
        store = self._stored(attended_name(index), self.around.stream[1])

        def normalise(again: bool, held: Held) -> None:
            self._bring(rows, held)
            if not again or self.tiling.streamed:
                self.write.norm(layer.attention_norm, held)

        def attend(heads: PlacedHeads, held: Held) -> None:
            # Rows are still on their way into the token memory, where queries go too.
            self.write.queries(heads, held)
            for head in heads.heads:
                self.write.attention(attention, heads.heads, head, held)
            if heads is last:
                self.write.add_contexts(layer.output, held)

        for heads in layer.heads:
            front = partial(normalise, heads is not layer.heads[0])
            for tile in self.tiling.tiles:
                self._tile(tile, front, partial(self.write.keys_and_values, heads))
            front, behind = partial(normalise, True), store if heads is last else None
            for tile in self.tiling.tiles:
                self._tile(tile, front, partial(attend, heads), behind)

    def _dense(self, index: int) -> None:
        """Attended + MLP(LayerNorm(attended))."""
        self.write.part = f"layers.{index}.mlp"
        layer, rows = self.placed.layers[index], self._rows
        mlp = layer.mlp
        assert mlp is not None
        store = self._stored(output_name(index), self.around.stream[0])

        def front(held: Held) -> None:
            self._bring(rows, held)
            self.write.norm(layer.norm, held)

        def core(held: Held) -> None:
            self.write.hidden(mlp.up, held)
            self.write.add_hidden(mlp.down, held)

        for tile in self.tiling.tiles:
            self._tile(tile, front, core, store)

    def _mixture(self, index: int, task: Task, block_input: Region | None) -> None:
        """Attended + scores x experts(LayerNorm(attended)).

        Args:
            index: of the layer. task: whose gate.
            block_input: where the layer's input is, if it is not on the chip.
        """
        self.write.part = _experts_part(index)
        norm, experts, rows = self.placed.layers[index].norm, self._experts_of(index), self._rows
        ahead = self.network.gate_input_ahead
        store = self._stored(output_name(index), self.around.stream[0])

        def front(held: Held) -> None:
            if ahead and block_input is not None:
                self._bring(block_input, held)
                self._gate_ahead(index, task, held)
            self._bring(rows, held)
            self.write.norm(norm, held, wide=WIDE_NONE if ahead else WIDE_GATE)
            if not ahead:
                self._gate(index, task, held.tile)

        def core(held: Held) -> None:
            self.write.experts(experts, task, self._slot(index, task), held)

        for tile in self.tiling.tiles:
            self._tile(tile, front, core, store)

    def _slot(self, index: int, task: Task) -> int:
        """Where the engine remembers the layer's experts: for each task on its own, if it can."""
        layers, tasks = self.network.moe_layers, self.around.model.tasks
        own = len(tasks) * len(layers) <= SLOTS
        return layers.index(index) + (tasks.index(task) * len(layers) if own else 0)

    def _gate_ahead(self, index: int, task: Task, held: Held) -> None:
        """The gate reads the block's input as it is."""
        self.write.rows_to_gate(held)
        self._gate(index, task, held.tile)

    def _gate(self, index: int, task: Task, tile: Tile) -> None:
        picks = self.around.outputs[task.name].picks[self.network.moe_layers.index(index)]
        self.write.gate(self._experts_of(index), task, picks, tile)

    def _head(self, task: Task) -> None:
        """From the last block to the codes that leave the network."""
        self.write.part = HEAD
        final, outputs = self.placed.final_norm, self.around.outputs[task.name]
        if self.network.head == "tokens":
            leaves = partial(self.write.store, outputs.codes)
            if final is not None:
                leaves = partial(self._normalise_to_memory, final, outputs.codes)
            self._each_tile(leaves)
            return
        if final is not None:
            # The head's LayerNorm reads the residual stream, so the rows must come back to it.
            there = self.around.final_rows
            self._each_tile(partial(self._normalise_to_memory, final, there))
            self._rows = there
        head, rows = self.placed.heads[task.name], self._rows

        def front(of_tile: range, held: Held) -> None:
            self._bring(rows, held)
            self.write.norm(head.norm, held, rows=of_tile)

        for part in outputs.parts:
            core = partial(self._project, head, part)
            self._tile(part.tile, partial(front, part.rows), core)

    def _project(self, head: PlacedHead, part: OutputPart, _: Held) -> None:
        self.write.to_memory(head.projection, len(part.rows), part.region)

    def _normalise_to_memory(self, norm: PlacedNorm, region: Region, held: Held) -> None:
        self.write.norm(norm, held, wide=WIDE_MEMORY, store=region)

    def _each_tile(self, leaves: Work) -> None:
        """Rows that leave as they are or normalised, and nothing that the array does."""
        front = partial(self._bring, self._rows)
        for tile in self.tiling.tiles:
            self._tile(tile, front, leaves)

    def _experts_of(self, index: int) -> PlacedExperts:
        experts = self.placed.layers[index].experts
        assert experts is not None
        return experts


def _attention_part(layer: int) -> str:
    return f"layers.{layer}.attention"


def _experts_part(layer: int) -> str:
    return f"layers.{layer}.experts"
