"""How many outputs of a matmul the engine takes at a time."""

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig

from .packing import ceiling

MAX_GROUPS, MAX_CHUNKS = (1 << 10) - 1, (1 << 8) - 1
"""What the fields of MATMUL hold."""

MAX_WORDS = (1 << 12) - 1
"""Of a row of results: an offset into it has 12 bits."""

SHARES = (4, 2, 1)
"""Of the rings' space that a chunk may fill: a quarter, so that several can be on the way."""


def chunk_groups(design: DesignConfig, what: str, groups: int, words: int, beats: int) -> int:
    """Groups of outputs in a chunk, for equal chunks.

    A row block stays in the panel for all groups of a chunk. The next one takes its tokens x words
    cycles to arrive, so a chunk should have as many tiles; besides, large chunks read their rows
    less often.

    Args:
        design: sizes of the rings and the array.
        what: name of the matmul, for the message.
        groups: of the whole matmul.
        words: of the panel, in a row. beats: tiles of a row.

    Raises:
        UserError: not even one group fits.
    """
    if groups > MAX_WORDS:
        raise UserError(
            f"{what} has {groups} words of outputs, {groups - MAX_WORDS} more than the engine's "
            f"{MAX_WORDS}: take fewer outputs, or a design with more lanes"
        )
    needed = min(ceiling(design.array_tokens * words, beats), groups)
    divisors = [
        count
        for count in range(1, min(groups, MAX_GROUPS) + 1)
        if groups % count == 0 and groups // count <= MAX_CHUNKS
    ]
    if not divisors:
        raise UserError(
            f"{what} has {groups} words of outputs, which are no {MAX_CHUNKS} or fewer equal "
            f"chunks of {MAX_GROUPS} or fewer: take another width"
        )
    check_one_chunk(design, what, divisors[0], beats)
    for share in SHARES:
        fitting = [
            count
            for count in divisors
            if count * beats * share <= design.weight_tiles
            and count * share <= design.parameter_words
        ]
        if fitting and fitting[-1] >= needed:
            break
    return fitting[-1]


def check_one_chunk(design: DesignConfig, what: str, groups: int, beats: int) -> None:
    """Refuse a chunk that the rings of weights and parameters cannot hold.

    Raises:
        UserError: with the size that is exceeded.
    """
    for value, limit, name, unit in (
        (groups * beats, design.weight_tiles, "weight_tiles", "tiles of weights"),
        (groups, design.parameter_words, "parameter_words", "words of parameters"),
    ):
        if value > limit:
            raise UserError(
                f"{what} needs {value} {unit} at a time, {value - limit} more than the design "
                f"'{design.name}' holds ({name} = {limit}): use a design with larger {name}, or "
                "a narrower network"
            )
