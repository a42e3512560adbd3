"""The whole network in integers: the definition that every later rung equals bit for bit.

NumPy only. Read `Reference.run` downwards; the operations are in `integer_ops`, their numbers
in `docs/numerics.md`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.errors import UserError

from . import integer_ops
from .compiled import CompiledModel
from .fixed import Codes
from .integer_ops import Routing, split_heads
from .network import Task
from .operations import Operations
from .parameters import Attention, Layer

Trace = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class TaskRun:
    """What one task gave on one image.

    Attributes:
        task: its name.
        output: integer codes: (N, C g g) int16 of a linear head, index (c g + row) g + column;
            (1, C) int16 of a classifier; (T, D) int16 of a network that ends with its tokens.
        scale: real value of one code.
        routing: per MoE layer.
        cycles: of the engine's clock, if an engine ran it.
    """

    task: str
    output: Codes
    scale: float
    routing: tuple[Routing, ...]
    cycles: int | None = None


@dataclass(frozen=True)
class SharedPrefix:
    """What all tasks of an image have in common: everything up to the first gate.

    Attributes:
        block_input: (T, D) int16 residual stream in front of the first MoE layer (or behind the
            last layer, if there is none).
        attended: (T, D) the same behind that layer's attention; None if there is no MoE layer.
    """

    block_input: Codes
    attended: Codes | None


class Reference:
    """Runs a compiled model in integers.

    Args:
        model: a compiled model, or the directory of one.
        operations: what computes; by default NumPy, which defines the results.
    """

    def __init__(
        self, model: CompiledModel | str | Path, operations: Operations = integer_ops
    ) -> None:
        self.model = model if isinstance(model, CompiledModel) else CompiledModel.load(model)
        self.network = self.model.network
        self.compute = operations

    def run(self, pixels: NDArray[np.uint8], task: str, trace: Trace | None = None) -> TaskRun:
        """Run one task on one image.

        Args:
            pixels: (H, W, channels) uint8 of exactly the model's size.
            task: name.
            trace: receives every named intermediate array.

        Raises:
            UserError: another image size or type, or an unknown task.
        """
        return self.finish(self.begin(pixels, trace), task, trace)

    def run_all(self, pixels: NDArray[np.uint8], tasks: Iterable[str]) -> dict[str, TaskRun]:
        """Run several tasks on one image; what precedes the first gate runs once."""
        prefix = self.begin(pixels)
        return {task: self.finish(prefix, task) for task in tasks}

    def begin(self, pixels: NDArray[np.uint8], trace: Trace | None = None) -> SharedPrefix:
        """From pixels to the first gate."""
        network, parameters = self.network, self.model.parameters
        expected = (network.image_height, network.image_width, network.channels)
        if pixels.shape != expected or pixels.dtype != np.uint8:
            raise UserError(
                f"the image is {pixels.dtype} {pixels.shape} and this model takes uint8 "
                f"{expected}: resize or convert it first"
            )
        residual: Codes = self.compute.embed(pixels, parameters.embeddings, network.patch_size)
        _record(trace, "embeddings", output=residual)
        for index in range(network.first_gate):
            attended = self._attend(index, residual, trace)
            residual = self._dense(index, attended, trace)
        if not network.moe_layers:
            return SharedPrefix(residual, None)
        return SharedPrefix(residual, self._attend(network.first_gate, residual, trace))

    def finish(self, prefix: SharedPrefix, task: str, trace: Trace | None = None) -> TaskRun:
        """From the first gate to the output of one task."""
        network, chosen = self.network, self.model.task(task)
        residual, attended = prefix.block_input, prefix.attended
        routings: list[Routing] = []
        for index in range(network.first_gate, network.num_layers):
            if attended is None:
                attended = self._attend(index, residual, trace)
            if index in network.moe_layers:
                residual, routing = self._mixture(index, residual, attended, chosen, trace)
                routings.append(routing)
            else:
                residual = self._dense(index, attended, trace)
            attended = None
        output = self._head(residual, chosen, trace)
        return TaskRun(task, output, chosen.scale, tuple(routings))

    def _attend(self, index: int, residual: Codes, trace: Trace | None) -> Codes:
        """Residual + attention(LayerNorm(residual))."""
        name = f"layers.{index}.attention"
        attention: Attention = self.model.layers[index].attention
        inputs, _ = self.compute.layer_norm(residual, attention.norm)
        query, key, value = split_heads(
            self.compute.linear(inputs, attention.projection), self.network.num_heads
        )
        logits = self.compute.attention_logits(query, key, attention.logits)
        weights = self.compute.attention_weights(logits)
        context = self.compute.attention_context(weights, value, attention.context)
        branch = self.compute.linear(context, attention.output)
        attended = self.compute.add_residual(residual, branch)
        _record(
            trace,
            name,
            input=inputs,
            query=query,
            key=key,
            value=value,
            logits=logits,
            weights=weights,
            context=context,
            branch=branch,
        )
        _record(trace, f"layers.{index}", attended=attended)
        return attended

    def _dense(self, index: int, attended: Codes, trace: Trace | None) -> Codes:
        """Attended + MLP(LayerNorm(attended))."""
        name = f"layers.{index}"
        layer: Layer = self.model.layers[index]
        assert layer.mlp is not None
        inputs, _ = self.compute.layer_norm(attended, layer.norm)
        hidden = self.compute.linear(inputs, layer.mlp.up)
        active = self.compute.activate(hidden, layer.mlp.table)
        branch = self.compute.linear(active, layer.mlp.down)
        residual = self.compute.add_residual(attended, branch)
        _record(trace, f"{name}.mlp", input=inputs, hidden=hidden, activation=active, branch=branch)
        _record(trace, name, output=residual)
        return residual

    def _mixture(
        self, index: int, block_input: Codes, attended: Codes, task: Task, trace: Trace | None
    ) -> tuple[Codes, Routing]:
        """Attended + scores x experts(LayerNorm(attended)), routed by this task's gate."""
        name, network = f"layers.{index}", self.network
        layer: Layer = self.model.layers[index]
        assert layer.gate is not None
        inputs, gate_inputs = self.compute.layer_norm(attended, layer.norm)
        if gate_inputs is None:
            gate_inputs = block_input
        routing = self.compute.route(
            gate_inputs,
            layer.gate,
            self.model.tasks.index(task),
            task.gate,
            task.experts,
            network.experts_per_token,
            network.norm_topk_prob,
            network.prune_threshold,
        )
        branch = self.compute.run_experts(
            inputs, routing, layer.experts, range(network.num_experts)
        )
        residual = self.compute.add_residual(attended, branch)
        _record(
            trace,
            f"{name}.mlp",
            input=inputs,
            gate_input=gate_inputs,
            gate_logits=routing.logits,
            experts=routing.experts,
            scores=routing.scores,
            branch=branch,
        )
        _record(trace, name, output=residual)
        return residual, routing

    def _head(self, residual: Codes, task: Task, trace: Trace | None) -> Codes:
        """From the last block to the codes that leave the network."""
        network, parameters = self.network, self.model.parameters
        if parameters.final_norm is not None:
            residual, _ = self.compute.layer_norm(residual, parameters.final_norm)
            _record(trace, "final_norm", output=residual)
        if network.head == "tokens":
            return residual
        head = parameters.heads[task.name]
        rows = residual[:1] if network.head == "classification" else residual[1:]
        inputs, _ = self.compute.layer_norm(rows, head.norm)
        output = self.compute.linear(inputs, head.projection)
        _record(trace, f"heads.{task.name}", input=inputs, output=output)
        return output


def _record(trace: Trace | None, part: str, **arrays: NDArray[Any]) -> None:
    """Put intermediate arrays of one part of the network into the trace, if there is one."""
    if trace is not None:
        trace.update({f"{part}.{name}": array for name, array in arrays.items()})
