"""The operations of the integer network, computed by the kernels.

Each function has the name, the arguments and the results of its namesake in
`m3vit.model.integer_ops`. Between kernels arrays have their natural layout; `m3vit.sim.streams`
brings them into the order of the hardware and back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.model.fixed import Codes, saturate
from m3vit.model.integer_ops import Routing
from m3vit.model.parameters import Embeddings, Gate, Heads, LayerNorm, Linear, Mlp
from m3vit.sim.csim import kernels
from m3vit.sim.streams import attention, elementwise, layer_norm, matmul, patches
from m3vit.sim.streams import experts as expert_streams
from m3vit.sim.streams import gate as gate_streams

KERNELS = (
    "cut_patches",
    "panel",
    "matmul_array",
    "serialise",
    "requantise",
    "add_residual",
    "layer_norm",
    "attention_weights",
    "attention_context",
    "activation",
    "gate",
    "route",
    "token_memory",
    "scatter_add",
)
"""All that a network needs."""

BEATS_PER_CALL = 16_384
"""Of the matmul array, so that the streams of a call take some megabytes."""


class KernelOperations:
    """`m3vit.model.operations.Operations` by kernels.

    Args:
        design: sizes for which the kernels are compiled.
    """

    def __init__(self, design: DesignConfig) -> None:
        self.design = design
        self._weights: tuple[NDArray[np.uint8], NDArray[Any]] | None = None

    def cut_patches(self, pixels: NDArray[np.uint8], patch: int) -> NDArray[np.int8]:
        """(H, W, channels) image -> (N, channels x patch x patch) codes."""
        found = self._run("cut_patches", patches.cut_patches_inputs(self.design, [pixels], patch))
        return patches.cut_patches_outputs(found, pixels.shape[2] * patch * patch)

    def linear(self, inputs: Codes, parameters: Linear) -> Codes:
        """(T, K) int8 codes times int8 weights, requantised: (T, N)."""
        sums = self._products(inputs, parameters.weight)
        codes = self._requantise(
            sums,
            parameters.bias,
            parameters.multiplier,
            parameters.shift,
            parameters.zero_point,
            parameters.bits,
        )
        return codes if parameters.bits == 32 else saturate(codes, parameters.bits)

    def embed(
        self, pixels: NDArray[np.uint8], parameters: Embeddings, patch: int
    ) -> NDArray[np.int16]:
        """(H, W, channels) image -> (T, D) int16 residual stream, the class token first."""
        patches = self.linear(self.cut_patches(pixels, patch), parameters.projection)
        tokens = self.add_residual(parameters.positions, patches)
        return np.concatenate((parameters.cls_row[None], tokens))

    def layer_norm(self, codes: Codes, parameters: LayerNorm) -> tuple[Codes, Codes | None]:
        """(T, D) int16 codes -> int8 codes for matmuls, and int16 codes for a gate or None."""
        found = self._run("layer_norm", layer_norm.inputs(self.design, codes, parameters))
        return layer_norm.outputs(found, codes.shape[1], parameters)

    def attention_logits(self, query: Codes, key: Codes, parameters: Heads) -> Codes:
        """(H, T, d) int8 queries and keys -> (H, T, T) int16 logits in log2 units."""
        rules = zip(parameters.multiplier, parameters.shift, strict=True)
        heads = []
        for queries, keys, (multiplier, shift) in zip(query, key, rules, strict=True):
            everywhere = np.ones(len(keys), np.int64)
            heads.append(
                self._requantise(
                    self._products(queries, keys),
                    0 * everywhere,
                    multiplier * everywhere,
                    shift * everywhere,
                    parameters.zero_point,
                    parameters.bits,
                )
            )
        return saturate(np.stack(heads), parameters.bits)

    def attention_weights(self, logits: Codes) -> NDArray[np.uint8]:
        """(H, T, T) logits -> unnormalised weights, 255 at each row's maximum.

        The kernel also adds them up; the sums are kept for `attention_context`.
        """
        heads, queries, keys = logits.shape
        found = self._run("attention_weights", attention.weights_inputs(self.design, logits))
        weights, sums = attention.weights_outputs(found, (heads, queries, keys))
        self._weights = (weights, sums)
        return weights

    def attention_context(
        self, weights: NDArray[np.uint8], value: Codes, parameters: Heads
    ) -> NDArray[np.int8]:
        """(H, T, T) weights and (H, T, d) int8 values -> (T, D) int8 context."""
        heads, tokens, width = value.shape
        if self._weights is not None and self._weights[0] is weights:
            sums = self._weights[1]
        else:
            sums = weights.sum(axis=2, dtype=np.int64)
        products = [
            self._products(head.astype(np.int16), values.T)
            for head, values in zip(weights, value, strict=True)
        ]
        found = self._run(
            "attention_context",
            attention.context_inputs(self.design, np.stack(products), sums, parameters),
        )
        return attention.context_outputs(found, (heads, tokens, width))

    def activate(self, hidden: Codes, table: NDArray[np.int8]) -> NDArray[np.int8]:
        """The activation function of int8 codes: entry code + 128 of a (256,) table."""
        found = self._run("activation", elementwise.activation_inputs(self.design, hidden, table))
        return elementwise.activation_outputs(found, hidden.shape[1])

    def add_residual(
        self, residual: Codes, branch: NDArray[np.signedinteger[Any]]
    ) -> NDArray[np.int16]:
        """(T, D) int16 + wide branch, saturated once."""
        found = self._run("add_residual", elementwise.add_inputs(self.design, residual, branch))
        return elementwise.add_outputs(found, residual.shape[1])

    def route(
        self,
        inputs: Codes,
        parameters: Gate,
        task: int,
        gate: int,
        expert_range: Sequence[int],
        top_k: int,
        normalise_kept: bool,
        prune_threshold: int,
    ) -> Routing:
        """Choose the K best experts of every token, and their scores."""
        sums = self._products(gate_streams.split_bytes(inputs), parameters.weight[gate])
        streams = gate_streams.inputs(
            self.design,
            sums,
            parameters,
            task,
            gate,
            expert_range,
            top_k,
            normalise_kept,
            prune_threshold,
        )
        found = self._run("gate", streams)
        return gate_streams.outputs(self.design, found, expert_range, top_k)

    def run_experts(
        self,
        inputs: NDArray[np.int8],
        routing: Routing,
        experts: Sequence[Mlp],
        order: Iterable[int],
    ) -> NDArray[np.int32]:
        """(T, D) int8 codes -> (T, D) sum of score x expert output, in residual codes.

        Layers too large for the token memory or for scatter-add go through in blocks of tokens.
        """
        word = self.design.panel_lanes
        padded_width = -(-inputs.shape[1] // word) * word
        held = min(self.design.max_routed_values, self.design.token_words * word)
        capacity = held // padded_width
        order = list(order)
        blocks = []
        for start in range(0, len(inputs), capacity):
            block = slice(start, start + capacity)
            part = Routing(routing.logits, routing.experts[block], routing.scores[block])
            blocks.append(self._run_experts(inputs[block], part, experts, order))
        return np.concatenate(blocks)

    def _run_experts(
        self,
        inputs: NDArray[np.int8],
        routing: Routing,
        experts: Sequence[Mlp],
        order: Sequence[int],
    ) -> NDArray[np.int32]:
        tokens, width = inputs.shape
        found = self._run(
            "route", expert_streams.route_inputs(self.design, routing, (0, len(experts)), order)
        )
        queues = expert_streams.route_outputs(found, order)
        visits = list(queues.values())
        gather = expert_streams.gather_inputs(self.design, inputs, [x["token"] for x in visits])
        gathered = expert_streams.gather_outputs(
            self._run("token_memory", gather), width, [len(x) for x in visits]
        )
        outputs = []
        for expert, rows in zip(queues, gathered, strict=True):
            mlp = experts[expert]
            hidden = self.activate(self.linear(rows, mlp.up), mlp.table)
            outputs.append(self.linear(hidden, mlp.down))
        scatter = expert_streams.scatter_add_inputs(self.design, tokens, visits, outputs)
        return expert_streams.scatter_add_outputs(self._run("scatter_add", scatter), width)

    def _products(self, rows: Codes, weights: NDArray[np.int8]) -> NDArray[np.int32]:
        """(T, K) activations times (N, K) weights: (T, N) sums."""
        outputs, inputs = weights.shape
        groups = -(-outputs // self.design.array_outputs)
        beats = self.design.beats(inputs)
        step = max(BEATS_PER_CALL // (groups * beats), 1) * self.design.array_tokens
        parts = []
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            found = self._run("panel", matmul.panel_inputs(self.design, part, outputs))
            found = self._run(
                "matmul_array", matmul.array_inputs(self.design, found["tiles"], weights)
            )
            found = self._run(
                "serialise",
                matmul.serialise_inputs(self.design, found["sums"], len(part), outputs),
            )
            parts.append(matmul.serialise_outputs(self.design, found, len(part), outputs))
        return np.concatenate(parts)

    def _requantise(
        self,
        sums: NDArray[np.int32],
        bias: NDArray[np.integer[Any]],
        multiplier: NDArray[np.integer[Any]],
        shift: NDArray[np.integer[Any]],
        zero_point: int,
        bits: int,
    ) -> NDArray[np.int32]:
        """(T, N) sums to codes; bias, multiplier and shift are (N,)."""
        streams = matmul.requantise_inputs(
            self.design, sums, bias, multiplier, shift, zero_point, bits
        )
        return matmul.requantise_outputs(self._run("requantise", streams), *sums.shape)

    def _run(self, kernel: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return kernels.run(kernel, self.design, inputs)
