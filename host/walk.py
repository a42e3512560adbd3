"""The walk of `model.reference.Reference` through a network, as instructions of the engine."""

from collections.abc import Mapping

from m3vit.hls.isa import WIDE_GATE, WIDE_MEMORY, Instruction
from m3vit.model.network import Task

from .arena import Region
from .instructions import InstructionWriter, Surroundings
from .placement import PlacedExperts

SLOTS = 64
"""Layers with experts for which the engine remembers those that were used last."""


class Walk:
    """One program; call `image`, `prefix` or `suffix` once.

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
        self.write = InstructionWriter(surroundings)

    def image(self, task: Task) -> tuple[Instruction, ...]:
        """From pixels to the output of a task."""
        self.write.begin()
        self._embed()
        for index in range(self.network.num_layers):
            self._layer(index, task)
        self._head(task)
        return self._end()

    def prefix(self) -> tuple[Instruction, ...]:
        """From pixels to the first gate, as `Reference.begin`; the snapshot keeps the result."""
        self.write.begin()
        self._embed()
        for index in range(self.network.first_gate):
            self._table(index)
            self._attend(index)
            self._dense(index)
        if not self.network.moe_layers or self.network.gate_input_ahead:
            self.write.store(self.around.block_input)
        if self.network.moe_layers:
            self._attend(self.network.first_gate)
            self.write.store(self.around.attended)
        return self._end()

    def suffix(self, task: Task) -> tuple[Instruction, ...]:
        """From the snapshot to the output of a task, as `Reference.finish`."""
        network, first = self.network, self.network.first_gate
        self.write.begin()
        if not network.moe_layers:
            self.write.load(self.around.block_input)
        else:
            if network.gate_input_ahead:
                self.write.load(self.around.block_input)
                self._gate_ahead(first, task)
            self.write.load(self.around.attended)
            self._table(first)
            self._mixture(first, task)
        for index in range(first + 1, network.num_layers):
            self._layer(index, task)
        self._head(task)
        return self._end()

    def _end(self) -> tuple[Instruction, ...]:
        self.write.end()
        return tuple(self.write.instructions)

    def _embed(self) -> None:
        """Patches and positions; the class token has no patch.

        Positions come first: the array cannot add patches to what is not there, and both come by
        the same port.
        """
        self.write.load(self.placed.positions)
        self.write.image()
        self.write.to_residual(self.placed.patches, self.buffers.patches, first=1)
        self._trace("embeddings.output")

    def _layer(self, index: int, task: Task) -> None:
        self._table(index)
        if index not in self.network.moe_layers:
            self._attend(index)
            self._dense(index)
            return
        if self.network.gate_input_ahead:
            self._gate_ahead(index, task)
        self._attend(index)
        self._mixture(index, task)

    def _table(self, index: int) -> None:
        """What a block needs late, early: nothing waits while it is loaded."""
        layer = self.placed.layers[index]
        mlp = layer.experts or layer.mlp
        assert mlp is not None
        self.write.table(mlp.table)

    def _attend(self, index: int) -> None:
        """Residual + attention(LayerNorm(residual))."""
        buffers, layer = self.buffers, self.placed.layers[index]
        self.write.norm(layer.attention_norm, buffers.norm)
        # Rows are still on their way into the token memory, where queries go too.
        self.write.to_keys_and_values(layer.keys, layer.values)
        self.write.to_tokens(layer.queries, buffers.norm, buffers.queries)
        for head in range(self.network.num_heads):
            self.write.attention(head, self.around.model.layers[index].attention)
        self.write.to_residual(layer.output, buffers.context)
        self._trace(f"layers.{index}.attended")

    def _dense(self, index: int) -> None:
        """Attended + MLP(LayerNorm(attended))."""
        buffers, layer = self.buffers, self.placed.layers[index]
        assert layer.mlp is not None
        self.write.norm(layer.norm, buffers.norm)
        self.write.to_tokens(layer.mlp.up, buffers.norm, buffers.hidden, activate=1)
        self.write.to_residual(layer.mlp.down, buffers.hidden)
        self._trace(f"layers.{index}.output")

    def _mixture(self, index: int, task: Task) -> None:
        """Attended + scores x experts(LayerNorm(attended))."""
        norm, experts = self.placed.layers[index].norm, self._experts_of(index)
        if self.network.gate_input_ahead:
            self.write.norm(norm, self.buffers.norm)
        else:
            self.write.norm(norm, self.buffers.norm, wide=WIDE_GATE)
            self._gate(index, task)
        self.write.experts(experts, task, self._slot(index, task))
        self._trace(f"layers.{index}.output")

    def _slot(self, index: int, task: Task) -> int:
        """Where the engine remembers the layer's experts: for each task on its own, if it can."""
        layers, tasks = self.network.moe_layers, self.around.model.tasks
        own = len(tasks) * len(layers) <= SLOTS
        return layers.index(index) + (tasks.index(task) * len(layers) if own else 0)

    def _gate_ahead(self, index: int, task: Task) -> None:
        """The gate reads the block's input as it is."""
        self.write.rows_to_gate()
        self._gate(index, task)

    def _gate(self, index: int, task: Task) -> None:
        picks = self.around.outputs[task.name].picks[self.network.moe_layers.index(index)]
        self.write.gate(self._experts_of(index), task, picks)

    def _head(self, task: Task) -> None:
        """From the last block to the codes that leave the network."""
        final, outputs = self.placed.final_norm, self.around.outputs[task.name]
        if self.network.head == "tokens":
            if final is None:
                self.write.store(outputs.codes)
            else:
                self.write.norm(final, wide=WIDE_MEMORY, store=outputs.codes)
            return
        if final is not None:
            # The head's LayerNorm reads the residual stream, so the rows must come back to it.
            self.write.norm(final, wide=WIDE_MEMORY, store=self.around.final_rows)
            self.write.load(self.around.final_rows)
        head = self.placed.heads[task.name]
        first, rows = outputs.rows
        self.write.norm(head.norm, self.buffers.norm, first=first, rows=rows)
        self.write.to_memory(head.projection, rows, outputs.codes)

    def _trace(self, name: str) -> None:
        if name in self.traces:
            self.write.store(self.traces[name])

    def _experts_of(self, index: int) -> PlacedExperts:
        experts = self.placed.layers[index].experts
        assert experts is not None
        return experts
