"""What an instruction may say: the rules that the engine's dispatcher applies to every field.

Nothing that passes can leave a memory on the chip or wait for what never comes. The same rules in
C++ are hls/include/m3vit/engine/{check,claims}.hpp; their text is in `docs/isa.md`.
"""

import math
from collections.abc import Callable, Iterator, Mapping

from .design import DesignConfig
from .isa import (
    BEAT_BYTES,
    TO_KEYS,
    TO_MEMORY,
    TO_RESIDUAL,
    TO_TOKENS,
    TOKEN_DOMAINS,
    WIDE_GATE,
    WIDE_MEMORY,
    WIDE_NONE,
    Instruction,
)

Rules = Iterator[tuple[bool, str]]
"""What must hold, and in words."""

MAX_ROW_WORDS = 4095
"""Words of `lanes` in a row: an offset into it has 12 bits."""

MAX_STEP = 255
"""Tiles between neighbouring keys or values."""

LEAST_SHIFT, GREATEST_SHIFT = 11, 42
"""Of requantisation behind the array."""

GREATEST_NORM_SHIFT = 30

RESIDUAL_BYTES, AFFINE_BYTES, PICK_BYTES = 2, 8, 8
"""Of a channel, a channel, and a pick in memory."""


def ceiling(value: int, divisor: int) -> int:
    """The quotient, rounded up."""
    return -(-value // divisor)


def broken_rule(instruction: Instruction, design: DesignConfig) -> str | None:
    """The first rule that the fields break, or None."""
    rules = _RULES.get(instruction.name)
    if rules is None:
        return None
    return next((rule for holds, rule in rules(instruction, design) if not holds), None)


# What instructions lay claim to -------------------------------------------------------------------


def panel_words(design: DesignConfig, words: int) -> int:
    """Words of `panel_lanes` that hold so many words of `lanes`."""
    return ceiling(words * design.lanes, design.panel_lanes)


def _buffer(fields: Instruction, design: DesignConfig, prefix: str, words: int) -> Rules:
    """Rows of the token memory; `words` of `panel_lanes`."""
    domain, base = fields[f"{prefix}domain"], fields[f"{prefix}base"]
    stride, rows = fields[f"{prefix}stride"], fields["rows"]
    yield domain < TOKEN_DOMAINS, f"domain {domain} is no buffer of the token memory"
    yield 1 <= rows <= design.max_tokens, f"rows are 1 to max_tokens, not {rows}"
    yield words >= 1, "a row has words"
    end = base + (rows - 1) * stride + words
    yield end <= design.token_words, f"rows end at word {end}, behind token_words"


def _residual(design: DesignConfig, first: int, rows: int, stride: int, words: int) -> Rules:
    """Rows of the residual stream; `words` of `lanes`."""
    yield 1 <= rows <= design.max_tokens, f"rows are 1 to max_tokens, not {rows}"
    yield 1 <= words <= stride, f"a row has 1 to {stride} words, not {words}"
    end = (first + rows - 1) * stride + words
    yield end <= design.residual_words, f"rows end at word {end}, behind residual_words"


def _matrix(
    design: DesignConfig, beats: int, inputs: int, groups: int, base: int, tiles: int
) -> Rules:
    """`groups` x `beats` tiles of `tiles`; `inputs` channels meet them."""
    most = design.max_beats
    wanted = design.beats(inputs)
    yield groups >= 1, "a matrix has groups"
    yield 1 <= beats <= most, f"beats are 1 to {most}, not {beats}"
    yield beats == wanted, f"{inputs} inputs take {wanted} beats, not {beats}"
    end = base + groups * beats
    yield end <= tiles, f"the matrix ends at tile {end}, behind all {tiles}"


def _panel_matrix(design: DesignConfig, beats: int, words: int, groups: int) -> Rules:
    """Weights of one chunk in the ring; rows have `words` of `panel_lanes`."""
    yield from _matrix(design, beats, words * design.panel_lanes, groups, 0, design.weight_tiles)


def _memory(name: str, beats: int, size: int) -> Rules:
    """`size` bytes in memory."""
    wanted = ceiling(size, BEAT_BYTES)
    yield beats >= 1, f"{name} is at least 1"
    yield beats == wanted, f"{name} is {wanted} for so many rows, not {beats}"


def row_bytes(design: DesignConfig, rows: int, words: int) -> int:
    """Rows of int16 in memory."""
    return rows * words * design.lanes * RESIDUAL_BYTES


# Rules per instruction ----------------------------------------------------------------------------


def _image(fields: Instruction, design: DesignConfig) -> Rules:
    patch, channels = fields["patch_size"], fields["channels"]
    yield 1 <= channels <= design.max_channels, f"channels are 1 to max_channels, not {channels}"
    yield 1 <= patch <= design.max_patch_size, f"patch_size is 1 to max_patch_size, not {patch}"
    yield fields["strips"] >= 1 and fields["patches"] >= 1, "an image has patches"
    products = {
        "rows": fields["strips"] * fields["patches"],
        "columns": min(patch, design.lanes // math.gcd(channels, design.lanes)),
        "column_bytes": fields["columns"] * channels,
        "patch_bytes": patch * channels,
        "strip_bytes": patch * fields["row_bytes"],
        "words": ceiling(patch * patch * channels, design.lanes),
    }
    for name, value in products.items():
        yield fields[name] == value, f"{name} is {value} for this image, not {fields[name]}"
    least = fields["patches"] * fields["patch_bytes"]
    yield fields["row_bytes"] >= least, f"row_bytes is at least {least}"
    yield fields["strip_bytes"] <= design.max_strip_bytes, "strip_bytes is at most max_strip_bytes"
    pixels = ceiling(fields["strips"] * fields["strip_bytes"], design.lanes) * design.lanes
    yield from _memory("beats", fields["beats"], pixels)
    yield from _buffer(fields, design, "", panel_words(design, fields["words"]))


def _rows_and_memory(fields: Instruction, design: DesignConfig) -> Rules:
    """LOAD and STORE."""
    rows, words = fields["rows"], fields["words"]
    yield from _residual(design, fields["first"], rows, words, words)
    yield from _memory("beats", fields["beats"], row_bytes(design, rows, words))


def _norm(fields: Instruction, design: DesignConfig) -> Rules:
    rows, words, width = fields["rows"], fields["words"], fields["width"]
    codes, wide = bool(fields["codes"]), fields["wide"]
    yield words <= ceiling(design.max_width, design.lanes), "words hold max_width at most"
    if fields["raw"]:
        yield not codes and wide == WIDE_GATE, "raw rows go to the gate only"
    else:
        yield codes or wide != WIDE_NONE, "there is an output"
        yield wide <= WIDE_MEMORY, "wide is 0, 1 or 2"
        for on, name in ((codes, "code_shift"), (wide != WIDE_NONE, "wide_shift")):
            yield not on or 1 <= fields[name] <= GREATEST_NORM_SHIFT, f"{name} is 1 to 30"
        yield fields["epsilon"] >= 1, "epsilon is at least 1"
        yield width <= design.max_width, f"width is at most max_width, not {width}"
        yield words == ceiling(width, design.lanes), f"{width} channels do not take {words} words"
        parameters = (codes + (wide != WIDE_NONE)) * words * design.lanes * AFFINE_BYTES
        yield from _memory("parameter_beats", fields["parameter_beats"], parameters)
    yield from _residual(design, fields["first"], rows, words, words)
    if codes:
        yield from _buffer(fields, design, "", panel_words(design, words))
    if wide == WIDE_MEMORY:
        yield from _memory("store_beats", fields["store_beats"], row_bytes(design, rows, words))


def _matmul(fields: Instruction, design: DesignConfig) -> Rules:
    rows, groups, bits = fields["rows"], fields["groups"], fields["bits"]
    to = fields["destination"]
    words = groups * fields["chunks"]
    yield to <= TO_MEMORY, f"destination {to} does not exist"
    yield fields["chunks"] >= 1, "there is a chunk"
    yield words <= MAX_ROW_WORDS, f"a row of results has {MAX_ROW_WORDS} words at most"
    yield groups <= design.parameter_words, "groups are at most parameter_words"
    widths = {TO_RESIDUAL: (8, 16, 18), TO_MEMORY: (8, 16)}.get(to, (8,))
    yield bits in widths, f"bits are one of {widths} for destination {to}, not {bits}"
    yield not fields["activate"] or to == TO_TOKENS, "only results for tokens are activated"
    yield from _buffer(fields, design, "", fields["words"])
    yield from _panel_matrix(design, fields["beats"], fields["words"], groups)
    if to == TO_TOKENS:
        yield fields["to_domain"] != fields["domain"], "a buffer is not written while it is read"
        yield from _buffer(fields, design, "to_", panel_words(design, words))
    elif to == TO_RESIDUAL:
        yield from _residual(design, fields["first"], rows, fields["to_stride"], words)
    elif to == TO_MEMORY:
        yield from _memory("store_beats", fields["store_beats"], row_bytes(design, rows, words))
    else:
        yield from _keys_or_values(fields, design)


def _keys_or_values(fields: Instruction, design: DesignConfig) -> Rules:
    """Where a MATMUL to keys or values writes its last word."""
    head_words, last_token = fields["head_words"], fields["first"] + fields["rows"] - 1
    yield fields["chunks"] == 1, "keys and values come in one chunk"
    yield head_words >= 1, "a head has words"
    yield last_token < design.max_tokens, f"token {last_token} is behind max_tokens"
    yield fields["step"] <= MAX_STEP, f"step is at most {MAX_STEP}"
    if head_words == 0:
        return
    last_head = (fields["groups"] - 1) // head_words
    if fields["destination"] == TO_KEYS:
        outer = last_token // design.array_outputs
        inner = (head_words - 1) * design.lanes // design.array_inputs
    else:
        outer, inner = head_words - 1, last_token // design.array_inputs
    last = fields["to_base"] + last_head * fields["to_stride"] + outer * fields["step"] + inner
    yield last < design.key_value_tiles, f"tile {last} is behind key_value_tiles"


def _attention(fields: Instruction, design: DesignConfig) -> Rules:
    keys, tiles = fields["keys"], design.key_value_tiles
    key_groups = ceiling(keys, design.lanes)
    yield 1 <= keys <= design.max_tokens, f"keys are 1 to max_tokens, not {keys}"
    yield fields["key_groups"] == key_groups, f"{keys} keys take {key_groups} key_groups"
    for name in ("logit_shift", "shift"):
        yield (
            LEAST_SHIFT <= fields[name] <= GREATEST_SHIFT,
            f"{name} is {LEAST_SHIFT} to {GREATEST_SHIFT}, not {fields[name]}",
        )
    yield fields["to_domain"] != fields["domain"], "a buffer is not written while it is read"
    yield from _buffer(fields, design, "", fields["words"])
    words = panel_words(design, fields["to_offset"] + fields["value_groups"])
    yield from _buffer(fields, design, "to_", words)
    inputs = fields["words"] * design.panel_lanes
    key_place = fields["key_groups"], fields["key_base"]
    yield from _matrix(design, fields["beats"], inputs, *key_place, tiles)
    value_place = fields["value_groups"], fields["value_base"]
    yield from _matrix(design, fields["value_beats"], keys, *value_place, tiles)


def _gate(fields: Instruction, design: DesignConfig) -> Rules:
    rows, kept, experts = fields["rows"], fields["kept"], fields["experts"]
    first, last = fields["first"], fields["last"]
    groups, picks = ceiling(experts, design.lanes), rows * kept
    yield 1 <= rows <= design.max_tokens, f"rows are 1 to max_tokens, not {rows}"
    yield experts <= design.max_experts, f"experts are at most max_experts, not {experts}"
    yield fields["groups"] == groups, f"{experts} experts take {groups} groups"
    yield first < last <= experts, f"[{first}, {last}) is no range of {experts} experts"
    most = min(design.max_experts_per_token, last - first)
    yield 1 <= kept <= most, f"kept is 1 to {most}, not {kept}"
    yield fields["pick_count"] == picks, f"pick_count is {picks}, not {fields['pick_count']}"
    yield from _panel_matrix(design, fields["beats"], fields["words"], fields["groups"])


def _experts(fields: Instruction, design: DesignConfig) -> Rules:
    rows, down_words = fields["rows"], panel_words(design, fields["up_groups"])
    for name in ("up_groups", "down_groups"):
        yield fields[name] <= design.parameter_words, f"{name} are at most parameter_words"
    yield fields["hidden_domain"] != fields["domain"], "a buffer is not written while it is read"
    yield (
        fields["down_words"] == down_words,
        f"{fields['up_groups']} up_groups take {down_words} down_words",
    )
    yield from _buffer(fields, design, "", fields["up_words"])
    yield from _buffer(fields, design, "hidden_", fields["down_words"])
    place = fields["to_first"], rows, fields["residual_words"]
    yield from _residual(design, *place, fields["down_groups"])
    for name in ("up", "down"):
        names = (f"{name}_beats", f"{name}_words", f"{name}_groups")
        yield from _panel_matrix(design, *(fields[name] for name in names))


_RULES: Mapping[str, Callable[[Instruction, DesignConfig], Rules]] = {
    "IMAGE": _image,
    "LOAD": _rows_and_memory,
    "STORE": _rows_and_memory,
    "NORM": _norm,
    "MATMUL": _matmul,
    "ATTENTION": _attention,
    "GATE": _gate,
    "EXPERTS": _experts,
}
