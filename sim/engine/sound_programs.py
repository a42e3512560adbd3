"""Random programs whose results are defined, so that hardware must equal the interpreter.

Parameters are such as a compiler of models guarantees; every buffer has a place and a stride of
its own, which all its readers and writers keep to; and whatever is read has been written: a
prologue fills the memories on the chip, an epilogue stores what they hold in the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    BEAT_BYTES,
    LINE_BYTES,
    RESIDUAL_BANKS,
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    TO_VALUES,
    TOKEN_DOMAINS,
    VERSION,
    WIDE_GATE,
    Instruction,
)
from m3vit.hls.isa_checks import broken_rule, ceiling
from m3vit.sim.streams.programs import RandomProgram

from .arena import (
    AFFINE,
    GATE_BIAS_BITS,
    GATE_MULTIPLIER_BITS,
    PARAMETER,
    Bytes,
)
from .memory_use import Use, chunk_lines, expert_lines, uses

ROWS = 16
"""Of every buffer and of the residual stream."""

BANK_ROWS = ROWS // RESIDUAL_BANKS
"""Of the residual stream: the first ones belong to bank 0."""

ROW_BYTES = 256
"""Of every buffer: a patch of 16 x 16 pixels with one channel."""

PATCH_SIZE = 16
HIDDEN_DOMAIN = TOKEN_DOMAINS - 1
"""Only for hidden rows: which expert's stay there depends on timing."""

TILES = 48
"""Of keys, and of values."""

MOST_WEIGHT_BYTES = 48_000
"""Of a MATMUL, so that programs stay short."""

MOST_GATES = 3
"""The residual stream has two bits in reserve, and every mixture may add one full scale."""


@dataclass(frozen=True)
class Sound:
    """A program and the memory that it runs in.

    Attributes:
        instructions: from BEGIN to END.
        line: of the arena, at which they lie.
        content: (line, bytes) of everything in the arena, the program too.
        lines: of the arena that it needs.
    """

    instructions: tuple[Instruction, ...]
    line: int
    content: tuple[tuple[int, Bytes], ...]
    lines: int


def sound_program(design: DesignConfig, seed: int, count: int) -> Sound:
    """Prologue, at least `count` random instructions, epilogue.

    Raises:
        ValueError: an instruction is none that the design takes.
    """
    random = Random(seed)
    steps = _Steps(design, random)
    memory = _Memory(design, seed)
    body = [
        *steps.prologue(),
        *steps.instructions(count)[1:-1],
        *steps.epilogue(),
    ]
    program = (
        Instruction("BEGIN", design=design.design_id, version=VERSION),
        *(memory.placed(instruction) for instruction in body),
        Instruction("END"),
    )
    for instruction in program:
        rule = broken_rule(instruction, design)
        if rule is not None:
            raise ValueError(f"{instruction}: {rule}")
    text = b"".join(instruction.encode() for instruction in program)
    line = memory.reserve(ceiling(len(text), LINE_BYTES))
    memory.content.append((line, np.frombuffer(text, np.uint8)))
    return Sound(program, line, tuple(memory.content), memory.lines)


def _changed(instruction: Instruction, **values: int) -> Instruction:
    return Instruction(instruction.name, **{**instruction.values, **values})


class _Steps(RandomProgram):
    """Small instructions that keep to the buffers' places; addresses are yet to come."""

    def __init__(self, design: DesignConfig, random: Random) -> None:
        # Rows fill whole panel words, for what the rest of one holds is not defined.
        self.parts = design.panel_lanes // design.lanes
        most = 64 // design.panel_lanes
        self.row_words = random.randint(1, most) * self.parts  # of the residual stream
        small = replace(
            design,
            max_tokens=ROWS,
            max_width=64,
            max_hidden=128,
            max_head_width=32,
            max_experts=8,
            max_patch_size=PATCH_SIZE,
            max_strip_bytes=2048,
            token_words=ROWS * ROW_BYTES // design.panel_lanes,
            residual_words=ROWS * self.row_words,
            key_value_tiles=TILES,
            weight_tiles=512,
            parameter_words=64,
        )
        super().__init__(small, random.randrange(1 << 32))
        self.gates = 0

    # Every maker of the base class draws until its rows fit.

    def _residual(self, words: int) -> dict[str, int]:
        """Rows of one bank."""
        return self._in_bank(self._up_to(BANK_ROWS))

    def _in_bank(self, rows: int) -> dict[str, int]:
        bank = self._bank()
        first = bank * BANK_ROWS + self.random.randint(0, BANK_ROWS - rows)
        return {"first": first, "rows": rows, "bank": bank}

    def image(self) -> Instruction:
        """IMAGE."""
        made = super().image()
        while made["words"] * self.design.lanes > ROW_BYTES or made["words"] % self.parts:
            made = super().image()
        return self._in_place(made)

    def _moved(self, name: str) -> Instruction:
        made = super()._moved(name)
        while made["words"] != self.row_words:
            made = super()._moved(name)
        return made

    def norm(self) -> Instruction:
        """NORM."""
        made = super().norm()
        while made["words"] != self.row_words or (
            made["wide"] == WIDE_GATE and self.gates == MOST_GATES
        ):
            made = super().norm()
        self.gates += made["wide"] == WIDE_GATE
        if not made["raw"]:  # and no padding, which must be zero
            made = _changed(made, width=self.row_words * self.design.lanes)
        return self._in_place(made)

    def matmul(self) -> Instruction:
        """MATMUL."""
        while True:
            made = super().matmul()
            results = made["groups"] * made["chunks"]
            channels = results * self.design.lanes
            if channels * made["beats"] * self.design.array_inputs > MOST_WEIGHT_BYTES:
                continue
            if made["destination"] == TO_TOKENS and (channels > ROW_BYTES or results % self.parts):
                continue
            if made["destination"] == TO_RESIDUAL:
                if results > self.row_words or made["rows"] > BANK_ROWS:
                    continue
                made = _changed(made, to_stride=self.row_words, **self._in_bank(made["rows"]))
            return self._in_place(made)

    def attention(self) -> Instruction:
        """ATTENTION."""
        multipliers = {
            name: self.random.randrange(1 << 14, 1 << 15)
            for name in ("logit_multiplier", "multiplier")
        }
        shifts = {"logit_shift": self.random.randint(18, 26), "shift": self.random.randint(20, 28)}
        made = super().attention()
        while made["to_offset"] % self.parts or made["value_groups"] % self.parts:
            made = super().attention()
        return self._in_place(_changed(made, **multipliers, **shifts))

    def experts(self, gate: Instruction) -> Instruction:
        """EXPERTS."""
        made = super().experts(gate)
        while (
            made["down_groups"] > self.row_words
            or made["up_groups"] % self.parts
            or made["down_words"] * self.design.panel_lanes > ROW_BYTES
        ):
            made = super().experts(gate)
        place = self._in_bank(made["rows"])
        values = {
            "expert_lines": expert_lines(self.design, made) + self.random.randrange(3),
            "hidden_domain": HIDDEN_DOMAIN,
            "residual_words": self.row_words,
            "to_first": place["first"],
            "bank": place["bank"],
        }
        return self._in_place(_changed(made, **values))

    def _domain(self, but: int | None = None) -> int:
        return self.random.choice([d for d in range(HIDDEN_DOMAIN) if d != but])

    def _in_place(self, made: Instruction) -> Instruction:
        """With the place and stride of every buffer that it has."""
        stride = ROW_BYTES // self.design.panel_lanes
        places = {}
        to_tokens = made.name != "MATMUL" or made["destination"] == TO_TOKENS
        for prefix in ("", "to_", "hidden_"):
            if f"{prefix}domain" in made.values and (prefix != "to_" or to_tokens):
                places[f"{prefix}base"] = made[f"{prefix}domain"] * ROWS * stride
                places[f"{prefix}stride"] = stride
        return _changed(made, **places)

    # What stands in front and behind --------------------------------------------------------------

    def prologue(self) -> Iterator[Instruction]:
        """Everything on the chip gets a value."""
        design = self.design
        words = ROW_BYTES // design.lanes
        columns = min(PATCH_SIZE, design.lanes)
        strip = ROWS * ROW_BYTES
        for domain in range(HIDDEN_DOMAIN):
            image = Instruction(
                "IMAGE",
                beats=strip // BEAT_BYTES,
                strips=1,
                patches=ROWS,
                channels=1,
                patch_size=PATCH_SIZE,
                columns=columns,
                column_bytes=columns,
                patch_bytes=PATCH_SIZE,
                row_bytes=ROWS * PATCH_SIZE,
                strip_bytes=strip,
                domain=domain,
                rows=ROWS,
                words=words,
            )
            yield self._in_place(image)
        yield from self._all_rows("LOAD")
        yield self.table()
        key_tiles = ROWS // design.array_outputs
        value_tiles = ceiling(ROWS, design.array_inputs)
        key_words = design.array_inputs // design.lanes
        yield self._filled(TO_KEYS, TILES // key_tiles * key_words, key_tiles, 1, key_words)
        yield self._filled(TO_VALUES, TILES // value_tiles, value_tiles, value_tiles, 1)

    def epilogue(self) -> Iterator[Instruction]:
        """The residual stream and sums over every row of every buffer."""
        yield from self._all_rows("STORE")
        for domain in range(HIDDEN_DOMAIN):
            yield self._read(domain, ROW_BYTES, groups=2, destination=TO_MEMORY, bits=16)

    def _all_rows(self, name: str) -> Iterator[Instruction]:
        beats = self._row_beats(BANK_ROWS, self.row_words)
        for bank in range(RESIDUAL_BANKS):
            place = {"first": bank * BANK_ROWS, "rows": BANK_ROWS, "bank": bank}
            yield Instruction(name, beats=beats, words=self.row_words, **place)

    def _filled(
        self, to: int, groups: int, head_tiles: int, step: int, head_words: int
    ) -> Instruction:
        return self._read(
            0,
            self.design.array_inputs,
            groups=groups,
            destination=to,
            bits=8,
            to_stride=head_tiles,
            step=step,
            head_words=head_words,
        )

    def _read(self, domain: int, channels: int, **values: int) -> Instruction:
        """A MATMUL of all rows of a buffer."""
        design = self.design
        made = Instruction(
            "MATMUL",
            domain=domain,
            rows=ROWS,
            words=ceiling(channels, design.panel_lanes),
            beats=design.beats(channels),
            chunks=1,
            **values,
        )
        if made["destination"] == TO_MEMORY:
            beats = self._row_beats(ROWS, made["groups"])
            made = _changed(made, store_beats=beats)
        return self._in_place(made)


class _Memory:
    """Gives every address a place of its own, and what is read a content."""

    def __init__(self, design: DesignConfig, seed: int) -> None:
        self.design = design
        self.content: list[tuple[int, Bytes]] = []
        self._generator = np.random.default_rng(seed)
        self.lines = int(self._generator.integers(20))
        self._stored: list[Use] = []

    def reserve(self, lines: int) -> int:
        """Lines at the end, some of them behind a gap."""
        line = self.lines + int(self._generator.integers(3))
        self.lines = line + lines
        return line

    def placed(self, instruction: Instruction) -> Instruction:
        """With an address in every field that has one."""
        places: dict[str, int] = {}
        for use in uses(instruction, self.design):
            if use.field in places:
                continue
            if instruction.name == "EXPERTS":
                lines = instruction["experts"] * instruction["expert_lines"]
            else:
                lines = use.lines
            line = self._earlier(lines) if instruction.name == "LOAD" else None
            if line is None:
                line = self.reserve(lines)
                if use.writes:
                    self._stored.append(replace(use, line=line))
                else:
                    self.content += self._filled(instruction, use.field, line)
            places[use.field] = line
        return _changed(instruction, **places)

    def _earlier(self, lines: int) -> int | None:
        """Where an earlier instruction has stored as much, at times."""
        fitting = [use.line for use in self._stored if use.lines >= lines]
        if fitting and self._generator.integers(2):
            return int(self._generator.choice(fitting))
        return None

    def _filled(self, fields: Instruction, field: str, line: int) -> Iterator[tuple[int, Bytes]]:
        """What the instruction reads there."""
        design, name = self.design, fields.name
        if name == "NORM":
            yield line, self._affines(fields["parameter_beats"] * BEAT_BYTES)
        elif name == "MATMUL":
            groups, beats = fields["groups"], fields["beats"]
            for chunk in range(fields["chunks"]):
                place = line + chunk * chunk_lines(design, groups, beats)
                yield place, self._chunk(groups, beats, fields["bits"])
        elif name == "GATE":
            if field == "parameters":
                yield line, self._gate_parameters(fields["experts"])
            else:
                tiles = fields["groups"] * fields["beats"]
                yield line, self._noise(tiles * design.array_outputs * design.array_inputs)
        elif name == "EXPERTS":
            for expert in range(fields["experts"]):
                place = line + expert * fields["expert_lines"]
                for part, bits in (("up", 8), ("down", 16)):
                    groups, beats = fields[f"{part}_groups"], fields[f"{part}_beats"]
                    yield place, self._chunk(groups, beats, bits)
                    place += chunk_lines(design, groups, beats)
        elif name == "TABLE":
            yield line, self._noise(256)
        else:
            yield line, self._noise(fields["beats"] * BEAT_BYTES)

    def _noise(self, size: int) -> Bytes:
        return self._generator.integers(0, 256, size, np.uint8)

    def _chunk(self, groups: int, beats: int, bits: int) -> Bytes:
        """Results that use the range of `bits`, with some saturation."""
        design = self.design
        channels = groups * design.lanes
        inputs = beats * design.array_inputs
        parameters = np.zeros(channels, PARAMETER)
        parameters["bias"] = self._generator.integers(-(1 << 18), 1 << 18, channels)
        parameters["multiplier"] = self._multipliers(channels)
        magnitude = 12.5 + np.log2(inputs) / 2
        spread = self._generator.uniform(-1, 2, channels)
        shift = np.rint(14.5 + magnitude + 2 - bits + spread)
        parameters["shift"] = np.clip(shift, 11, 42).astype(np.uint8)
        weights = self._noise(channels * inputs)
        return np.concatenate([parameters.view(np.uint8), weights])

    def _affines(self, size: int) -> Bytes:
        affines = np.zeros(size // AFFINE.itemsize, AFFINE)
        affines["gain"] = self._generator.integers(-(1 << 15), 1 << 15, affines.size)
        affines["bias"] = self._generator.integers(-(1 << 24), 1 << 24, affines.size)
        return affines.view(np.uint8)

    def _gate_parameters(self, experts: int) -> Bytes:
        bias = self._generator.integers(-(1 << 22), 1 << 22, experts)
        shift = self._generator.integers(20, 32, experts)
        packed = bias & ((1 << GATE_BIAS_BITS) - 1)
        packed |= self._multipliers(experts) << GATE_BIAS_BITS
        packed |= shift << (GATE_BIAS_BITS + GATE_MULTIPLIER_BITS)
        return packed.astype("<i8").view(np.uint8)

    def _multipliers(self, count: int) -> NDArray[np.int64]:
        return self._generator.integers(1 << 14, 1 << 15, count)
