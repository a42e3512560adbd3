"""The engine's memories in NumPy, and what each instruction does with them.

Numbers follow `model.integer_ops`, formats and fields `docs/isa.md`. Instructions have passed all
checks when they come here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    WIDE_GATE,
    WIDE_MEMORY,
    WIDE_NONE,
    Instruction,
)
from m3vit.model.fixed import (
    CONTEXT_FRACTION_BITS,
    RECIPROCAL_BITS,
    Codes,
    Requantisation,
    exact_float,
    reciprocal,
    requantise,
)
from m3vit.model.integer_ops import (
    Routing,
    activate,
    attention_weights,
    choose_experts,
    cut_patches,
    normalise,
    scale_and_shift,
)

from .arena import Arena
from .memories import KeyValueMemory, ResidualMemory, TokenMemory

WIDE_BITS = 18
"""To which results are saturated in front of a residual sum."""


@dataclass
class _Choice:
    """What waits between the instructions of a mixture of experts.

    Attributes:
        rows: (T, D) int16, from NORM to GATE. routing: from GATE to EXPERTS.
    """

    rows: NDArray[np.int16]
    routing: Routing | None = None


class Machine:
    """The engine's memories, and one method per instruction."""

    def __init__(self, design: DesignConfig, arena: Arena) -> None:
        noise = np.random.default_rng(0)
        self.design, self.arena = design, arena
        self.tokens = TokenMemory(design, noise)
        self.residual = ResidualMemory(design, noise)
        self.key_values = KeyValueMemory(design, noise)
        self.table = noise.integers(-128, 128, 256, np.int8)
        self.choice: _Choice | None = None

    def run(self, fields: Instruction) -> None:
        """One instruction that has passed all checks."""
        match fields.name:
            case "IMAGE":
                self._image(fields)
            case "LOAD":
                rows = self.arena.rows(fields["address"], fields["rows"], fields["words"])
                self.residual.load(fields["first"], fields["words"], rows)
            case "STORE":
                rows = self.residual.read(fields["first"], fields["rows"], fields["words"])
                self.arena.write_rows(fields["address"], rows)
            case "NORM":
                self._norm(fields)
            case "TABLE":
                self.table = self.arena.read(fields["address"], 256).view(np.int8).copy()
            case "MATMUL":
                self._matmul(fields)
            case "ATTENTION":
                self._attention(fields)
            case "GATE":
                self._gate(fields)
            case "EXPERTS":
                self._experts(fields)

    def _image(self, fields: Instruction) -> None:
        strips, row_bytes = fields["strips"], fields["row_bytes"]
        pixels = self.arena.read(fields["address"], strips * fields["strip_bytes"])
        rows = pixels.reshape(strips * fields["patch_size"], row_bytes)
        rows = rows[:, : fields["patches"] * fields["patch_bytes"]]
        image = rows.reshape(len(rows), -1, fields["channels"])
        patches = _padded(
            cut_patches(image, fields["patch_size"]), fields["words"] * self.design.lanes
        )
        self.tokens.write(fields["base"], fields["stride"], patches)

    def _norm(self, fields: Instruction) -> None:
        words, codes, wide = fields["words"], fields["codes"], fields["wide"]
        rows = self.residual.read(fields["first"], fields["rows"], words)
        if fields["raw"]:
            self.choice = _Choice(rows)
            return
        outputs = [(fields["code_shift"], 8)] if codes else []
        if wide != WIDE_NONE:
            outputs.append((fields["wide_shift"], 16))
        affines = self.arena.affines(fields["parameters"], words, outputs)
        normalised = _padded(
            normalise(rows[:, : fields["width"]], fields["epsilon"]), rows.shape[1]
        )
        results = [scale_and_shift(normalised, affine) for affine in affines]
        if codes:
            self.tokens.write(fields["base"], fields["stride"], results[0])
        if wide == WIDE_GATE:
            self.choice = _Choice(results[-1].astype(np.int16))
        elif wide == WIDE_MEMORY:
            self.arena.write_rows(fields["store"], results[-1])

    def _matmul(self, fields: Instruction) -> None:
        rows, groups, to = fields["rows"], fields["groups"], fields["destination"]
        place = fields["base"], fields["stride"]
        inputs = self.tokens.read(*place, np.arange(rows), fields["words"])
        line, chunks = fields["weights"], []
        for _ in range(fields["chunks"]):
            result, line = self._linear(
                inputs, line, groups, fields["beats"], fields["zero_point"], fields["bits"]
            )
            chunks.append(result)
        results = np.concatenate(chunks, axis=1)
        if to == TO_TOKENS:
            if fields["activate"]:
                results = activate(results.astype(np.int8), self.table)
            self.tokens.write(fields["to_base"], fields["to_stride"], results)
        elif to == TO_RESIDUAL:
            self.residual.add(fields["first"], fields["to_stride"], results)
        elif to == TO_MEMORY:
            blocks = [self._in_block_order(chunk) for chunk in chunks]
            self.arena.write_rows(fields["store"], np.concatenate(blocks))
        else:
            memory = self.key_values
            write = memory.write_keys if to == TO_KEYS else memory.write_values
            write(
                fields["to_base"],
                fields["to_stride"],
                fields["step"],
                fields["head_words"],
                fields["first"],
                results,
            )

    def _attention(self, fields: Instruction) -> None:
        keys, memory = fields["keys"], self.key_values
        place = fields["base"], fields["stride"]
        queries = self.tokens.read(*place, np.arange(fields["rows"]), fields["words"])
        key_place = fields["key_base"], fields["key_groups"], fields["beats"]
        sums = _products(queries, memory.matrix(memory.keys, *key_place))[:, :keys]
        logits = requantise(sums, _rule(fields["logit_multiplier"], fields["logit_shift"], 0, 16))
        weights = attention_weights(logits[None])[0]

        value_place = fields["value_base"], fields["value_groups"], fields["value_beats"]
        products = _products(weights, memory.matrix(memory.values, *value_place))
        mantissa, length = reciprocal(weights.sum(axis=1, dtype=np.int64))
        shift = RECIPROCAL_BITS - CONTEXT_FRACTION_BITS + length
        factor = np.ldexp(mantissa.astype(np.float64), -shift.astype(np.int32))
        divided = np.floor(products * factor[:, None] + 0.5)
        rule = _rule(fields["multiplier"], fields["shift"], fields["zero_point"], 8)
        target = fields["to_base"], fields["to_stride"]
        self.tokens.write(*target, requantise(divided, rule), fields["to_offset"])

    def _gate(self, fields: Instruction) -> None:
        assert self.choice is not None
        first, last = fields["first"], fields["last"]
        weights = self.arena.weights(fields["weights"], fields["groups"], fields["beats"])
        rule = self.arena.gate_rule(fields["parameters"], fields["experts"])
        sums = _products(self.choice.rows, weights)[:, : fields["experts"]]
        logits = requantise(sums, rule)[:, first:last]
        routing = choose_experts(
            logits, first, fields["kept"], bool(fields["normalise_kept"]), fields["prune_threshold"]
        )
        self.choice.routing = routing
        self.arena.write_picks(fields["picks"], routing)

    def _experts(self, fields: Instruction) -> None:
        assert self.choice is not None and self.choice.routing is not None
        routing, first = self.choice.routing, fields["first"]
        for expert in range(first, first + fields["experts"]):
            tokens, ranks = np.nonzero(routing.experts == expert)
            if tokens.size == 0:
                continue
            line = fields["weights"] + (expert - first) * fields["expert_lines"]
            outputs = self._expert(fields, tokens, line)
            scores = routing.scores[tokens, ranks]
            rows = fields["to_first"] + tokens
            self.residual.scatter(rows, fields["residual_words"], outputs, scores)

    def _expert(self, fields: Instruction, tokens: NDArray[np.int64], line: int) -> Codes:
        """int16 outputs of one expert for its tokens."""
        place = fields["base"], fields["stride"]
        inputs = self.tokens.read(*place, tokens, fields["up_words"])
        hidden, line = self._linear(
            inputs, line, fields["up_groups"], fields["up_beats"], fields["zero_point"], 8
        )
        place = fields["hidden_base"], fields["hidden_stride"]
        self.tokens.write(*place, activate(hidden.astype(np.int8), self.table))
        rows = self.tokens.read(*place, np.arange(tokens.size), fields["down_words"])
        outputs, _ = self._linear(rows, line, fields["down_groups"], fields["down_beats"], 0, 16)
        return outputs

    def _linear(
        self, inputs: Codes, line: int, groups: int, beats: int, zero_point: int, bits: int
    ) -> tuple[Codes, int]:
        """Rows times a chunk of weights, requantised; and the line behind the chunk."""
        saturates_later = bits == WIDE_BITS
        weights, rule, behind = self.arena.chunk(
            line, groups, beats, zero_point, 32 if saturates_later else bits
        )
        results = requantise(_products(inputs, weights), rule)
        if saturates_later:
            limit = 1 << (WIDE_BITS - 1)
            results = np.clip(results, -limit, limit - 1)
        return results, behind

    def _in_block_order(self, results: Codes) -> Codes:
        """(words, lanes): of each block of rows, word after word of all its rows."""
        step, lanes = self.design.array_tokens, self.design.lanes
        blocks = [results[first : first + step] for first in range(0, len(results), step)]
        return np.concatenate(
            [
                block.reshape(len(block), -1, lanes).swapaxes(0, 1).reshape(-1, lanes)
                for block in blocks
            ]
        )


def _padded(rows: NDArray[Any], channels: int) -> NDArray[Any]:
    """Rows with zeros behind."""
    result = np.zeros((len(rows), channels), rows.dtype)
    result[:, : rows.shape[1]] = rows
    return result


def _products(rows: NDArray[np.integer[Any]], weights: NDArray[np.int8]) -> NDArray[Any]:
    """(T, K) times (N, K): (T, N) sums, exact; weights may have more inputs, which meet zeros."""
    magnitude = 1 << (8 * rows.dtype.itemsize)
    exact = exact_float(rows.shape[1] * magnitude * 128)
    sums: NDArray[Any] = rows.astype(exact) @ weights[:, : rows.shape[1]].T.astype(exact)
    return sums


def _rule(multiplier: int, shift: int, zero_point: int, bits: int) -> Requantisation:
    """One for all channels."""
    return Requantisation(
        np.zeros(1, np.int32),
        np.array([multiplier], np.int16),
        np.array([shift], np.uint8),
        zero_point,
        bits,
    )
