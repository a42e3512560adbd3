"""The engine's instructions: the one table of their fields, and how Python writes and reads them.

An instruction is 256 bits: a 4-bit opcode, then its fields without gaps from bit 4 upwards. The
text of every field, the memory formats and the rules of order are in `docs/isa.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from m3vit.errors import UserError

VERSION = 1
INSTRUCTION_BYTES = 32
OPCODE_BITS = 4

LINE_BYTES = 64
"""Everything in memory begins at a line."""

ADDRESS_BITS = 26
"""Of a line's address."""

BEAT_BYTES = 16
"""What an AXI port moves in a cycle."""

TOKEN_DOMAINS = 6
RESIDUAL_DOMAIN = 6
"""Of bank 0; the other bank's is the next one."""

RESIDUAL_BANKS = 2
KEY_VALUE_DOMAIN = RESIDUAL_DOMAIN + RESIDUAL_BANKS


@dataclass(frozen=True)
class Field:
    """A number in an instruction.

    Attributes:
        name: in Python and C++.
        bits: width.
        unit: what is counted, or "".
        meaning: one phrase.
        signed: in two's complement.
    """

    name: str
    bits: int
    unit: str
    meaning: str
    signed: bool = False

    @property
    def is_address(self) -> bool:
        """The value is a line of the arena."""
        return self.unit == "line"

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest value."""
        if self.signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1


@dataclass(frozen=True)
class Kind:
    """One instruction of the set: its name, opcode, one sentence, and fields from bit 4 on."""

    name: str
    opcode: int
    meaning: str
    fields: tuple[Field, ...] = ()

    @property
    def positions(self) -> dict[str, int]:
        """Lowest bit of every field."""
        positions, bit = {}, OPCODE_BITS
        for field in self.fields:
            positions[field.name] = bit
            bit += field.bits
        return positions


# What several instructions have in common ---------------------------------------------------------


def _source(rows: str = "rows to read") -> tuple[Field, ...]:
    """Rows of the token memory that go to the array."""
    return (
        Field("domain", 3, "", "buffer that is read"),
        Field("base", 16, "panel words", "its first row in the token memory"),
        Field("stride", 12, "panel words", "from row to row"),
        Field("rows", 12, "rows", rows),
    )


def _target(prefix: str = "") -> tuple[Field, ...]:
    """Rows of the token memory that are written."""
    return (
        Field(f"{prefix}domain", 3, "", "buffer that is written"),
        Field(f"{prefix}base", 16, "panel words", "its first row in the token memory"),
        Field(f"{prefix}stride", 12, "panel words", "from row to row"),
    )


def _stored(address: str, beats: str, what: str) -> tuple[Field, ...]:
    """A place in memory that is read or written."""
    return (
        Field(address, ADDRESS_BITS, "line", f"where {what} lie in memory"),
        Field(beats, 20, "beats", "how much that is"),
    )


_BANK = Field("bank", 1, "", "which accesses to the residual stream it is ordered with")
_INPUT_WORDS = Field("words", 12, "panel words", "of a row")
_INPUT_BEATS = Field("beats", 8, "tiles", "of a row: array_inputs channels each")
_RESIDUAL_ROWS = (
    Field("first", 12, "rows", "first row of the residual stream"),
    Field("rows", 12, "rows", "how many"),
    Field("words", 12, "words", "of a row"),
)

INSTRUCTIONS = (
    Kind(
        "BEGIN",
        1,
        "The first instruction of a program: which hardware it is for.",
        (
            Field("design", 32, "", "`DesignConfig.design_id` of the hardware"),
            Field("version", 8, "", f"of this instruction set: {VERSION}"),
        ),
    ),
    Kind("END", 2, "The last instruction: waits until all others are complete."),
    Kind(
        "IMAGE",
        3,
        "Cut an image into patches: a row of codes (pixel - 128) each, in the token memory.",
        (
            *_stored("address", "beats", "the pixels"),
            Field("strips", 12, "", "rows of patches"),
            Field("patches", 12, "", "of a strip"),
            Field("channels", 3, "", "of the image"),
            Field("patch_size", 7, "pixels", "P, of a patch's side"),
            Field("columns", 8, "pixels", "per cycle: min(P, lanes / gcd(channels, lanes))"),
            Field("column_bytes", 10, "bytes", "columns x channels"),
            Field("patch_bytes", 10, "bytes", "P x channels"),
            Field("row_bytes", 20, "bytes", "image width x channels"),
            Field("strip_bytes", 20, "bytes", "P x row_bytes"),
            *_target(),
            Field("rows", 12, "rows", "patches of the image: strips x patches"),
            Field("words", 12, "words", "of a patch"),
        ),
    ),
    Kind(
        "LOAD",
        4,
        "Rows of the residual stream from memory.",
        (*_stored("address", "beats", "the rows"), *_RESIDUAL_ROWS, _BANK),
    ),
    Kind(
        "STORE",
        5,
        "Rows of the residual stream to memory.",
        (*_stored("address", "beats", "the rows"), *_RESIDUAL_ROWS, _BANK),
    ),
    Kind(
        "NORM",
        6,
        "LayerNorm of rows of the residual stream: int8 codes to the token memory, int16 codes to "
        "the gate or to memory.",
        (
            *_RESIDUAL_ROWS,
            Field("width", 12, "channels", "D; what a row's last word has beyond is zero"),
            Field("epsilon", 52, "", "in units of (code step / D)^2"),
            Field("code_shift", 5, "", "of the int8 output"),
            Field("wide_shift", 5, "", "of the int16 output"),
            Field("codes", 1, "", "1: there is an int8 output"),
            Field("wide", 2, "", "the int16 output goes: 0 nowhere, 1 to the gate, 2 to memory"),
            Field("raw", 1, "", "1: rows go to the gate as they are; codes = 0, wide = 1"),
            Field("parameters", ADDRESS_BITS, "line", "where gains and biases lie in memory"),
            Field("parameter_beats", 12, "beats", "how much that is"),
            *_target(),
            *_stored("store", "store_beats", "the int16 rows"),
            _BANK,
        ),
    ),
    Kind(
        "TABLE",
        7,
        "A new activation table: 256 codes.",
        (Field("address", ADDRESS_BITS, "line", "where it lies in memory"),),
    ),
    Kind(
        "MATMUL",
        8,
        "Rows of the token memory times a weight matrix, requantised.",
        (
            *_source(),
            _INPUT_WORDS,
            _INPUT_BEATS,
            Field("weights", ADDRESS_BITS, "line", "where parameters and weights lie in memory"),
            Field("groups", 10, "words", "of the results of a chunk"),
            Field("chunks", 8, "", "N = groups x chunks x lanes"),
            Field("zero_point", 8, "", "of the results", signed=True),
            Field("bits", 5, "", "of the results: 8, 16 or 18"),
            Field("activate", 1, "", "1: results pass the activation table"),
            Field(
                "destination", 3, "", "0 token memory, 1 residual sum, 2 keys, 3 values, 4 memory"
            ),
            Field("to_domain", 3, "", "0: buffer that is written"),
            Field("to_base", 16, "", "0: first row, in panel words; 2, 3: first tile"),
            Field(
                "to_stride",
                12,
                "",
                "0: from row to row, in panel words; 1: the same, in words; 2, 3: from head to "
                "head, in tiles",
            ),
            Field("first", 12, "rows", "1: first row of the residual stream; 2, 3: first token"),
            Field(
                "step",
                12,
                "tiles",
                "2: from array_outputs keys to the next; 3: from a word of channels to the next",
            ),
            Field("head_words", 6, "words", "2, 3: of a head"),
            *_stored("store", "store_beats", "the results of destination 4"),
            _BANK,
        ),
    ),
    Kind(
        "ATTENTION",
        9,
        "One head: its queries times the keys, softmax, times the values.",
        (
            *_source("queries"),
            _INPUT_WORDS,
            _INPUT_BEATS,
            Field("keys", 12, "rows", "tokens that are attended to"),
            Field("key_base", 12, "tiles", "first tile of the head's keys"),
            Field("key_groups", 8, "words", "of logits: keys / lanes, rounded up"),
            Field("value_base", 12, "tiles", "first tile of the head's values"),
            Field("value_groups", 8, "words", "of the head's channels"),
            Field("value_beats", 8, "tiles", "of a row of attention weights"),
            Field("logit_multiplier", 15, "", "requantisation of the logits"),
            Field("logit_shift", 6, "", "the same"),
            Field("multiplier", 15, "", "requantisation of the context"),
            Field("shift", 6, "", "the same"),
            Field("zero_point", 8, "", "of the context", signed=True),
            *_target("to_"),
            Field("to_offset", 12, "words", "into each row that is written"),
        ),
    ),
    Kind(
        "GATE",
        10,
        "Choose experts for the int16 rows of the NORM in front.",
        (
            Field("rows", 12, "rows", "tokens"),
            Field("words", 12, "panel words", "of a row of D bytes"),
            _INPUT_BEATS,
            Field("weights", ADDRESS_BITS, "line", "where the weights lie in memory"),
            Field("groups", 10, "words", "of logits: experts / lanes, rounded up"),
            Field(
                "parameters",
                ADDRESS_BITS,
                "line",
                "where the experts' requantisation lies in memory",
            ),
            Field("experts", 9, "", "E, of the layer"),
            Field("first", 8, "", "experts [first, last) take part"),
            Field("last", 9, "", "the same"),
            Field("kept", 5, "", "K, experts of a token"),
            Field("normalise_kept", 1, "", "1: softmax over the kept experts only"),
            Field("prune_threshold", 17, "", "scores up to this become 0", signed=True),
            Field("picks", ADDRESS_BITS, "line", "where the choice is written to memory"),
            Field("pick_count", 16, "", "rows x kept"),
        ),
    ),
    Kind(
        "EXPERTS",
        11,
        "The experts that the GATE in front chose: two matmuls each, added to the residual stream "
        "by score.",
        (
            *_source("tokens of the layer"),
            Field("up_words", 12, "panel words", "of a row"),
            Field("up_beats", 8, "tiles", "of a row: array_inputs channels each"),
            Field("up_groups", 10, "words", "of a hidden row"),
            Field("hidden_domain", 3, "", "buffer of the hidden rows"),
            Field("hidden_base", 16, "panel words", "its first row in the token memory"),
            Field("hidden_stride", 12, "panel words", "from row to row"),
            Field("down_words", 12, "panel words", "of a hidden row"),
            Field("down_beats", 8, "tiles", "of a hidden row"),
            Field("down_groups", 10, "words", "of an output row"),
            Field("weights", ADDRESS_BITS, "line", "where the expert `first` lies in memory"),
            Field("expert_lines", 20, "lines", "from expert to expert"),
            Field("first", 8, "", "as in the GATE"),
            Field("experts", 9, "", "last - first of the GATE"),
            Field("slot", 6, "", "of the table which experts were used last time"),
            Field("zero_point", 8, "", "of the hidden codes", signed=True),
            Field("residual_words", 12, "words", "of a row of the residual stream"),
            Field("to_first", 12, "rows", "row of the residual stream that token 0 is added to"),
            _BANK,
        ),
    ),
)
"""The whole set."""

BY_NAME: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in INSTRUCTIONS})
BY_OPCODE: Mapping[int, Kind] = MappingProxyType({kind.opcode: kind for kind in INSTRUCTIONS})

MEANINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "wide": ("none", "gate", "memory"),
        "destination": ("tokens", "residual", "keys", "values", "memory"),
    }
)
"""Fields whose values have names: field -> names of 0, 1, ..."""

TO_TOKENS, TO_RESIDUAL, TO_KEYS, TO_VALUES, TO_MEMORY = range(5)
"""`destination` of MATMUL."""

WIDE_NONE, WIDE_GATE, WIDE_MEMORY = range(3)
"""`wide` of NORM."""

STOPPED_WELL = 0
UNKNOWN_INSTRUCTION, FIELD_OUT_OF_RANGE, WRONG_DESIGN, WRONG_ORDER = range(1, 5)
OUTSIDE_ARENA, READ_ERROR, WRITE_ERROR, STALLED, TOO_MANY_CYCLES, NO_END = range(16, 22)

ENDINGS: Mapping[int, str] = MappingProxyType(
    {
        STOPPED_WELL: "the program ended well",
        UNKNOWN_INSTRUCTION: "no instruction has this opcode",
        FIELD_OUT_OF_RANGE: "a field is beyond the design, or fields contradict each other",
        WRONG_DESIGN: "BEGIN names other hardware or another version of the instruction set",
        WRONG_ORDER: "an instruction is not where it may be",
        OUTSIDE_ARENA: "an address outside the arena",
        READ_ERROR: "the memory answered a read with an error",
        WRITE_ERROR: "the memory answered a write with an error",
        STALLED: "nothing has happened for too long",
        TOO_MANY_CYCLES: "the program took more cycles than it may",
        NO_END: "the program ended without END",
    }
)
"""How a program can end: code in the register STATUS -> meaning."""


class Instruction:
    """One instruction with a value for every field.

    Args:
        name: of the instruction, such as "MATMUL".
        values: by field; fields that are not given are zero.

    Raises:
        UserError: no such instruction or field, or a value that its field cannot hold.
    """

    def __init__(self, name: str, **values: int) -> None:
        if name not in BY_NAME:
            raise UserError(f"there is no instruction '{name}': give one of {', '.join(BY_NAME)}")
        self.kind = BY_NAME[name]
        known = {field.name: 0 for field in self.kind.fields}
        for key in values:
            if key not in known:
                raise UserError(
                    f"{name} has no field '{key}': its fields are {', '.join(known) or 'none'}"
                )
        for field in self.kind.fields:
            value, (low, high) = values.get(field.name, 0), field.range
            if not low <= value <= high:
                raise UserError(
                    f"{name}: {field.name} is {value} and the field holds {low} to {high}: the "
                    "network is too large for this instruction set, take a smaller one"
                )
            known[field.name] = int(value)
        self.values: Mapping[str, int] = MappingProxyType(known)

    @property
    def name(self) -> str:
        """Of the instruction."""
        return self.kind.name

    def __getitem__(self, field: str) -> int:
        return self.values[field]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instruction):
            return NotImplemented
        return self.kind == other.kind and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        values = "".join(f", {name}={value}" for name, value in self.values.items() if value)
        return f"Instruction({self.name!r}{values})"

    def encode(self) -> bytes:
        """The 32 bytes as they lie in memory."""
        bits = self.kind.opcode
        positions = self.kind.positions
        for field in self.kind.fields:
            bits |= (self.values[field.name] & ((1 << field.bits) - 1)) << positions[field.name]
        return bits.to_bytes(INSTRUCTION_BYTES, "little")

    @classmethod
    def decode(cls, content: bytes) -> "Instruction":
        """Read 32 bytes; bits behind the last field are ignored.

        Raises:
            UserError: another number of bytes, or an opcode that no instruction has.
        """
        if len(content) != INSTRUCTION_BYTES:
            raise UserError(
                f"an instruction has {INSTRUCTION_BYTES} bytes and these are {len(content)}: "
                "give a whole program"
            )
        bits = int.from_bytes(content, "little")
        opcode = bits & ((1 << OPCODE_BITS) - 1)
        if opcode not in BY_OPCODE:
            raise UserError(
                f"no instruction has the opcode {opcode}: the program is damaged or made for "
                "another version, build it again"
            )
        kind = BY_OPCODE[opcode]
        values = {}
        for field in kind.fields:
            value = (bits >> kind.positions[field.name]) & ((1 << field.bits) - 1)
            if field.signed and value >> (field.bits - 1):
                value -= 1 << field.bits
            values[field.name] = value
        return cls(kind.name, **values)
