"""Random instructions that a design can carry out, for tests of the dispatcher."""

import math
from random import Random

from m3vit.hls.design import DesignConfig
from m3vit.hls.isa import (
    BEAT_BYTES,
    RESIDUAL_BANKS,
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    TO_VALUES,
    TOKEN_DOMAINS,
    WIDE_GATE,
    WIDE_MEMORY,
    WIDE_NONE,
    Instruction,
)


class RandomProgram:
    """Instructions one after another; what belongs together comes together.

    Args:
        design: that can carry them out.
        seed: of the choices.
    """

    def __init__(self, design: DesignConfig, seed: int) -> None:
        self.design = design
        self.random = Random(seed)
        self._norm: Instruction | None = None  # its rows wait for their gate
        self._gate: Instruction | None = None  # waits for its experts

    def instructions(self, count: int) -> list[Instruction]:
        """BEGIN, at least `count` instructions and END."""
        begin = Instruction("BEGIN", design=self.design.design_id, version=1)
        program = [begin, *(self.next() for _ in range(count))]
        while self._norm is not None or self._gate is not None:
            program.append(self._following())
        return [*program, Instruction("END")]

    def next(self) -> Instruction:
        """One more."""
        if self._norm is not None or (self._gate is not None and self.random.random() < 0.3):
            return self._following()
        makers = (self.image, self.load, self.store, self.norm, self.table, self.matmul)
        made = self.random.choice((*makers, self.matmul, self.attention))()
        if made.name == "NORM" and made["wide"] == WIDE_GATE:
            self._norm = made
        return made

    def _following(self) -> Instruction:
        if self._norm is not None:
            self._gate, self._norm = self.gate(self._norm), None
            return self._gate
        assert self._gate is not None
        made, self._gate = self.experts(self._gate), None
        return made

    # Pieces ---------------------------------------------------------------------------------------

    def _up_to(self, most: int) -> int:
        """From 1 on; the ends and small numbers more often than others."""
        draw = self.random.choice((1, most, self.random.randint(1, most), 1 + most // 16))
        return min(draw, most)

    def _domain(self, but: int | None = None) -> int:
        return self.random.choice([d for d in range(TOKEN_DOMAINS) if d != but])

    def _place(self, rows: int, words: int, prefix: str = "") -> dict[str, int]:
        """Base and stride of rows of panel words; at times they end where the memory does."""
        most = (self.design.token_words - words) // max(1, rows - 1)
        stride = min(self.random.choice((words, words + 1, words + 5)), most, 4095)
        free = self.design.token_words - (rows - 1) * stride - words
        base = self.random.choice((0, free, self.random.randint(0, free)))
        return {f"{prefix}base": min(base, 65535), f"{prefix}stride": stride}

    def _panel_words(self, words: int) -> int:
        return -(-words * self.design.lanes // self.design.panel_lanes)

    def _beats(self, panel_words: int) -> int:
        return self.design.beats(panel_words * self.design.panel_lanes)

    def _row_beats(self, rows: int, words: int) -> int:
        return -(-rows * words * self.design.lanes * 2 // BEAT_BYTES)

    def _address(self) -> int:
        return self.random.randrange(1 << 26)

    def _residual(self, words: int) -> dict[str, int]:
        """First row, rows, and any bank."""
        rows = self._up_to(min(self.design.max_tokens, self.design.residual_words // words))
        free = self.design.residual_words // words - rows
        first = min(self.random.choice((0, 0, free)), 4095)
        return {"first": first, "rows": rows, "bank": self._bank()}

    def _bank(self) -> int:
        return self.random.randrange(RESIDUAL_BANKS)

    # Instructions ---------------------------------------------------------------------------------

    def image(self) -> Instruction:
        """IMAGE."""
        design, random = self.design, self.random
        channels = self._up_to(design.max_channels)
        side = self._up_to(design.max_patch_size)
        patch_bytes = side * channels
        patches = self._up_to(
            min(design.max_tokens, design.max_strip_bytes // (side * patch_bytes))
        )
        strips = self._up_to(min(design.max_tokens // patches, 64))
        spare = design.max_strip_bytes // side - patches * patch_bytes
        row_bytes = patches * patch_bytes + random.choice((0, min(spare, channels)))
        columns = min(side, design.lanes // math.gcd(channels, design.lanes))
        words = -(-side * side * channels // design.lanes)
        size = -(-strips * side * row_bytes // design.lanes) * design.lanes
        return Instruction(
            "IMAGE",
            address=self._address(),
            beats=-(-size // BEAT_BYTES),
            strips=strips,
            patches=patches,
            channels=channels,
            patch_size=side,
            columns=columns,
            column_bytes=columns * channels,
            patch_bytes=patch_bytes,
            row_bytes=row_bytes,
            strip_bytes=side * row_bytes,
            domain=self._domain(),
            **self._place(strips * patches, self._panel_words(words)),
            rows=strips * patches,
            words=words,
        )

    def _moved(self, name: str) -> Instruction:
        words = self._up_to(-(-self.design.max_width // self.design.lanes))
        rows = self._residual(words)
        beats = self._row_beats(rows["rows"], words)
        return Instruction(name, address=self._address(), beats=beats, **rows, words=words)

    def load(self) -> Instruction:
        """LOAD."""
        return self._moved("LOAD")

    def store(self) -> Instruction:
        """STORE."""
        return self._moved("STORE")

    def norm(self) -> Instruction:
        """NORM; to the gate only if no GATE waits for its experts."""
        design, random = self.design, self.random
        width = self._up_to(design.max_width)
        words = -(-width // design.lanes)
        rows = self._residual(words)
        wides = [WIDE_NONE, WIDE_MEMORY] + [WIDE_GATE] * (2 if self._gate is None else 0)
        wide = random.choice(wides)
        raw = int(wide == WIDE_GATE and random.random() < 0.5)
        codes = 0 if raw else 1 if wide == WIDE_NONE else random.randrange(2)
        outputs = 0 if raw else codes + (wide != WIDE_NONE)
        return Instruction(
            "NORM",
            **rows,
            words=words,
            width=width,
            epsilon=random.randrange(1, 1 << 52),
            code_shift=random.randint(1, 30),
            wide_shift=random.randint(1, 30),
            codes=codes,
            wide=wide,
            raw=raw,
            parameters=self._address(),
            parameter_beats=-(-outputs * words * design.lanes * 8 // BEAT_BYTES),
            domain=self._domain(),
            **self._place(rows["rows"], self._panel_words(words)),
            store=self._address(),
            store_beats=self._row_beats(rows["rows"], words) if wide == WIDE_MEMORY else 0,
        )

    def table(self) -> Instruction:
        """TABLE."""
        return Instruction("TABLE", address=self._address())

    def _chunk(self, beats: int) -> int:
        """Groups of a chunk that fits into the rings."""
        design = self.design
        return self._up_to(min(design.parameter_words, design.weight_tiles // beats, 1023))

    def _inputs(self) -> tuple[int, int]:
        """Panel words of a row, and its beats."""
        words = self._up_to(-(-self.design.max_hidden // self.design.panel_lanes))
        return words, self._beats(words)

    def matmul(self) -> Instruction:
        """MATMUL."""
        design, random = self.design, self.random
        words, beats = self._inputs()
        rows = self._up_to(min(design.max_tokens, design.token_words // words))
        groups = self._chunk(beats)
        to = random.choice((TO_TOKENS, TO_RESIDUAL, TO_KEYS, TO_VALUES, TO_MEMORY))
        domain = self._domain()
        values = {"domain": domain, "words": words, "beats": beats}
        values |= self._place(rows, words)
        if to in (TO_KEYS, TO_VALUES):
            values |= self._keys_or_values(rows, groups, to)
        else:
            in_memory = ((1 << 20) - 1) * BEAT_BYTES // (2 * design.lanes)
            spaces = {TO_TOKENS: design.token_words, TO_RESIDUAL: design.residual_words}
            space = spaces.get(to, in_memory)
            rows = min(rows, space)
            groups = min(groups, space // rows)
            width = min(4095, space // rows)
            chunks = self._up_to(max(1, min(255, width // groups)))
            row = groups * chunks
            values |= {"groups": groups, "chunks": chunks, "rows": rows}
            if to == TO_TOKENS:
                values |= {"to_domain": self._domain(domain), "activate": random.randrange(2)}
                values |= self._place(rows, self._panel_words(row), "to_")
            elif to == TO_RESIDUAL:
                free = design.residual_words // row - rows
                values |= {"to_stride": row, "first": random.choice((0, min(free, 4095)))}
                values |= {"bank": self._bank()}
            else:
                values |= {"store": self._address(), "store_beats": self._row_beats(rows, row)}
        bits = {TO_RESIDUAL: (8, 16, 18), TO_MEMORY: (8, 16)}.get(to, (8,))
        return Instruction(
            "MATMUL",
            **values,
            destination=to,
            bits=random.choice(bits),
            weights=self._address(),
            zero_point=random.randint(-128, 127),
        )

    def _keys_or_values(self, rows: int, groups: int, to: int) -> dict[str, int]:
        """Tiles of as many heads as fit."""
        design = self.design
        first = self.random.choice((0, design.max_tokens - rows))
        tokens = first + rows
        head_words = self._up_to(min(63, groups, 8))
        if to == TO_KEYS:
            step = -(-head_words * design.lanes // design.array_inputs)
            head = -(-tokens // design.array_outputs) * step
        else:
            step = design.beats(tokens)
            head = head_words * step
        heads = min(groups // head_words, design.key_value_tiles // head)
        return {
            "rows": rows,
            "first": first,
            "groups": heads * head_words,
            "chunks": 1,
            "to_base": self.random.choice((0, design.key_value_tiles - heads * head)),
            "to_stride": head,
            "step": step,
            "head_words": head_words,
        }

    def attention(self) -> Instruction:
        """ATTENTION."""
        design, random = self.design, self.random
        keys = self._up_to(design.max_tokens)
        words = self._up_to(-(-design.max_head_width // design.panel_lanes))
        beats = self._beats(words)
        rows = self._up_to(min(design.max_tokens, design.token_words // words))
        key_groups = -(-keys // design.lanes)
        value_beats = design.beats(keys)
        most = min(-(-design.max_head_width // design.lanes), design.key_value_tiles // value_beats)
        value_groups = self._up_to(most)
        offset = random.choice((0, 3))
        domain = self._domain()
        target = self._panel_words(offset + value_groups)
        key_space = design.key_value_tiles - key_groups * beats
        value_space = design.key_value_tiles - value_groups * value_beats
        return Instruction(
            "ATTENTION",
            domain=domain,
            **self._place(rows, words),
            rows=rows,
            words=words,
            beats=beats,
            keys=keys,
            key_base=random.choice((0, key_space)),
            key_groups=key_groups,
            value_base=random.choice((0, value_space)),
            value_groups=value_groups,
            value_beats=value_beats,
            logit_multiplier=random.randrange(1 << 15),
            logit_shift=random.randint(11, 42),
            multiplier=random.randrange(1 << 15),
            shift=random.randint(11, 42),
            zero_point=random.randint(-128, 127),
            to_domain=self._domain(domain),
            **self._place(rows, target, "to_"),
            to_offset=offset,
        )

    def gate(self, norm: Instruction) -> Instruction:
        """GATE for the rows of a NORM."""
        design, random = self.design, self.random
        words = self._panel_words(norm["words"])
        experts = self._up_to(design.max_experts)
        first = random.randrange(experts)
        last = random.randint(first + 1, experts)
        kept = self._up_to(min(design.max_experts_per_token, last - first))
        return Instruction(
            "GATE",
            rows=norm["rows"],
            words=words,
            beats=self._beats(words),
            weights=self._address(),
            groups=-(-experts // design.lanes),
            parameters=self._address(),
            experts=experts,
            first=first,
            last=last,
            kept=kept,
            normalise_kept=random.randrange(2),
            prune_threshold=random.randint(-1, 1000),
            picks=self._address(),
            pick_count=norm["rows"] * kept,
        )

    def experts(self, gate: Instruction) -> Instruction:
        """EXPERTS of a GATE."""
        design = self.design
        rows = gate["rows"]
        words = min(self._inputs()[0], design.token_words // rows)
        hidden = design.token_words // rows * design.panel_lanes // design.lanes
        hidden = min(hidden, design.max_hidden // design.lanes)
        up_groups = min(self._chunk(self._beats(words)), hidden)
        down_words = self._panel_words(up_groups)
        row_words = min(design.residual_words // rows, 4095)
        down_groups = min(self._chunk(self._beats(down_words)), row_words)
        row = self.random.choice((down_groups, row_words))
        free = design.residual_words // row - rows
        domain = self._domain()
        return Instruction(
            "EXPERTS",
            domain=domain,
            **self._place(rows, words),
            rows=rows,
            up_words=words,
            up_beats=self._beats(words),
            up_groups=up_groups,
            hidden_domain=self._domain(domain),
            **self._place(rows, down_words, "hidden_"),
            down_words=down_words,
            down_beats=self._beats(down_words),
            down_groups=down_groups,
            weights=self._address(),
            expert_lines=self.random.randrange(1, 1 << 20),
            first=gate["first"],
            experts=gate["last"] - gate["first"],
            slot=self.random.randrange(64),
            zero_point=self.random.randint(-128, 127),
            residual_words=row,
            to_first=self.random.choice((0, min(free, 4095))),
            bank=self._bank(),
        )
