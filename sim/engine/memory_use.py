"""Which lines of the arena an instruction reads and writes, from its fields alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    BEAT_BYTES,
    LINE_BYTES,
    TO_MEMORY,
    WIDE_MEMORY,
    Instruction,
)
from m3vit.hls.isa_checks import PICK_BYTES, ceiling

TABLE_BYTES, GATE_PARAMETER_BYTES, PARAMETER_BYTES = 256, 8, 8


@dataclass(frozen=True)
class Use:
    """Neighbouring lines that belong to an address of an instruction.

    Attributes:
        field: of the address.
        line: the first one.
        lines: how many.
        writes: they are written, else read.
        certain: whatever the numbers; experts without tokens are not always read.
    """

    field: str
    line: int
    lines: int
    writes: bool = False
    certain: bool = True

    @property
    def end(self) -> int:
        """The line behind."""
        return self.line + self.lines


def uses(instruction: Instruction, design: DesignConfig) -> Iterator[Use]:
    """All of an instruction that has passed every check."""
    fields, name = instruction, instruction.name
    if name in ("IMAGE", "LOAD", "STORE"):
        yield _beats(fields, "address", "beats", writes=name == "STORE")
    elif name == "NORM":
        if not fields["raw"]:
            yield _beats(fields, "parameters", "parameter_beats")
        if fields["wide"] == WIDE_MEMORY:
            yield _beats(fields, "store", "store_beats", writes=True)
    elif name == "TABLE":
        yield _bytes(fields, "address", TABLE_BYTES)
    elif name == "MATMUL":
        chunk = chunk_lines(design, fields["groups"], fields["beats"])
        yield Use("weights", fields["weights"], fields["chunks"] * chunk)
        if fields["destination"] == TO_MEMORY:
            yield _beats(fields, "store", "store_beats", writes=True)
    elif name == "GATE":
        tiles = fields["groups"] * fields["beats"]
        yield _bytes(fields, "weights", tiles * design.array_outputs * design.array_inputs)
        yield _bytes(fields, "parameters", fields["experts"] * GATE_PARAMETER_BYTES)
        yield _bytes(fields, "picks", fields["pick_count"] * PICK_BYTES, writes=True)
    elif name == "EXPERTS":
        lines = expert_lines(design, fields)
        for expert in range(fields["experts"]):
            line = fields["weights"] + expert * fields["expert_lines"]
            yield Use("weights", line, lines, certain=False)


def chunk_lines(design: DesignConfig, groups: int, beats: int) -> int:
    """Parameters and tiles of a chunk."""
    parameters = groups * design.lanes * PARAMETER_BYTES
    tiles = groups * beats * design.array_outputs * design.array_inputs
    return ceiling(parameters + tiles, LINE_BYTES)


def expert_lines(design: DesignConfig, fields: Instruction) -> int:
    """Both chunks of an expert."""
    return sum(
        chunk_lines(design, fields[f"{part}_groups"], fields[f"{part}_beats"])
        for part in ("up", "down")
    )


def _beats(fields: Instruction, address: str, beats: str, writes: bool = False) -> Use:
    return _bytes(fields, address, fields[beats] * BEAT_BYTES, writes)


def _bytes(fields: Instruction, address: str, size: int, writes: bool = False) -> Use:
    return Use(address, fields[address], ceiling(size, LINE_BYTES), writes)
