"""What one program makes the engine do: products, and bytes through every memory, counted.

The counts follow from the instructions and from how many tokens each expert got; nothing is
simulated. `blocks` equals the engine's own counter, which tests compare.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import TO_KEYS, TO_MEMORY, TO_RESIDUAL, TO_TOKENS, TO_VALUES, Instruction

RESIDUAL_BITS = 18
"""Of a channel of the residual stream on chip."""

PARAMETER_BYTES = 8
"""Of what requantises one channel."""

CODE_TABLE = "activation table"
KEY_VALUES, PANEL, PARAMETERS, RESIDUAL, TOKENS, WEIGHTS = (
    "key-value memory",
    "activation panel",
    "parameter ring",
    "residual memory",
    "token memory",
    "weight ring",
)


@dataclass(frozen=True)
class Activity:
    """Counts of one program.

    Attributes:
        blocks: of rows that went through the array.
        products: multiplications that the array did, those with padding included.
        reads, writes: bytes, by memory.
    """

    blocks: int
    products: int
    reads: dict[str, float]
    writes: dict[str, float]


def count(
    instructions: Iterable[Instruction],
    design: DesignConfig,
    loads: Sequence[NDArray[np.int64]] | NDArray[np.int64],
) -> Activity:
    """Count a program.

    Args:
        instructions: from BEGIN to END.
        design: of the engine.
        loads: tokens in each expert's queue, by MoE layer.
    """
    counter = _Counter(design)
    layers = iter(loads)
    for instruction in instructions:
        match instruction.name:
            case "EXPERTS":
                counter.experts(instruction, next(layers))
            case "MATMUL":
                counter.matmul(instruction)
            case "ATTENTION":
                counter.attention(instruction)
            case "GATE":
                counter.gate(instruction)
            case "IMAGE":
                counter.write(TOKENS, instruction["rows"] * instruction["words"] * design.lanes)
            case "LOAD":
                counter.write(RESIDUAL, counter.residual(instruction["rows"], instruction["words"]))
            case "STORE":
                counter.read(RESIDUAL, counter.residual(instruction["rows"], instruction["words"]))
            case "NORM":
                counter.norm(instruction)
            case "TABLE":
                counter.blocks += 1
                counter.write(CODE_TABLE, 256)
            case _:
                pass
    return Activity(counter.blocks, counter.products, dict(counter.reads), dict(counter.writes))


class _Counter:
    def __init__(self, design: DesignConfig) -> None:
        self.design = design
        self.blocks = self.products = 0
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.tile = design.array_inputs * design.array_outputs

    def read(self, memory: str, size: int) -> None:
        self.reads[memory] += size

    def write(self, memory: str, size: int) -> None:
        self.writes[memory] += size

    def residual(self, rows: int, words: int) -> int:
        return rows * words * self.design.lanes * RESIDUAL_BITS // 8

    def matmul(self, instruction: Instruction) -> None:
        rows, groups = instruction["rows"], instruction["groups"]
        for _ in range(instruction["chunks"]):
            self._fetch(groups, instruction["beats"])
            self._rows(rows, instruction["words"])
            self._product(rows, groups, instruction["beats"], WEIGHTS)
        words = groups * instruction["chunks"]
        match instruction["destination"]:
            case destination if destination == TO_TOKENS:
                if instruction["activate"]:
                    self.read(CODE_TABLE, rows * words * self.design.lanes)
                self.write(TOKENS, rows * words * self.design.lanes)
            case destination if destination == TO_RESIDUAL:
                self.read(RESIDUAL, self.residual(rows, words))
                self.write(RESIDUAL, self.residual(rows, words))
            case destination if destination in (TO_KEYS, TO_VALUES):
                self.write(KEY_VALUES, rows * words * self.design.lanes)
            case destination if destination == TO_MEMORY:
                pass

    def attention(self, instruction: Instruction) -> None:
        rows, keys, values = (
            instruction["rows"],
            instruction["key_groups"],
            instruction["value_groups"],
        )
        self._rows(rows, instruction["words"])
        self._product(rows, keys, instruction["beats"], KEY_VALUES)
        self.write(PANEL, rows * keys * self.design.lanes)  # weights do not pass a memory of rows
        self._product(rows, values, instruction["value_beats"], KEY_VALUES)
        self.write(TOKENS, rows * values * self.design.lanes)

    def gate(self, instruction: Instruction) -> None:
        rows = 2 * instruction["rows"]  # high and low bytes
        tiles = instruction["groups"] * instruction["beats"]
        self.write(WEIGHTS, tiles * self.tile)
        self.write(PANEL, rows * instruction["words"] * self.design.panel_lanes)
        self._product(rows, instruction["groups"], instruction["beats"], WEIGHTS, scaled=False)

    def experts(self, instruction: Instruction, loads: NDArray[np.int64]) -> None:
        first = instruction["first"]
        up, down = instruction["up_groups"], instruction["down_groups"]
        for tokens in map(int, loads[first : first + instruction["experts"]]):
            if not tokens:
                continue
            self._fetch(up, instruction["up_beats"])
            self._rows(tokens, instruction["up_words"])
            self._product(tokens, up, instruction["up_beats"], WEIGHTS)
            self.read(CODE_TABLE, tokens * up * self.design.lanes)
            self.write(TOKENS, tokens * up * self.design.lanes)
            self._fetch(down, instruction["down_beats"])
            self._rows(tokens, instruction["down_words"])
            self._product(tokens, down, instruction["down_beats"], WEIGHTS)
            self.read(RESIDUAL, self.residual(tokens, down))
            self.write(RESIDUAL, self.residual(tokens, down))

    def norm(self, instruction: Instruction) -> None:
        rows, words = instruction["rows"], instruction["words"]
        self.read(RESIDUAL, self.residual(rows, words))
        if instruction["codes"]:
            self.write(TOKENS, rows * words * self.design.lanes)

    def _fetch(self, groups: int, beats: int) -> None:
        """Weights and parameters of a chunk into the rings."""
        self.write(WEIGHTS, groups * beats * self.tile)
        self.write(PARAMETERS, groups * self.design.lanes * PARAMETER_BYTES)

    def _rows(self, rows: int, words: int) -> None:
        """From the token memory to the panel."""
        size = rows * words * self.design.panel_lanes
        self.read(TOKENS, size)
        self.write(PANEL, size)

    def _product(
        self, rows: int, groups: int, beats: int, source: str, *, scaled: bool = True
    ) -> None:
        """All blocks of a chunk; a tile of weights and one of rows in every cycle."""
        design = self.design
        blocks = -(-rows // design.array_tokens)
        tiles = blocks * groups * beats
        self.blocks += blocks
        self.products += tiles * self.tile * design.array_tokens
        self.read(source, tiles * self.tile)
        self.read(PANEL, tiles * design.array_tokens * design.array_inputs)
        if source == WEIGHTS and scaled:
            self.read(PARAMETERS, blocks * groups * design.lanes * PARAMETER_BYTES)
