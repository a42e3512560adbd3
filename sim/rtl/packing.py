"""NumPy arrays of stream payloads, and the packed words that travel on wires.

In memory a payload is what C++ makes of it: an `ap_int<12>` takes 16 bits. On the wire its fields
sit next to each other at their declared widths. Packed words are rows of bytes here, lowest first.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3vit.hls.compiler.ir import Field, Payload

Bytes = NDArray[np.uint8]
Beats = NDArray[Any]
"""One element per beat: integers, or a structured dtype such as `payload_type` gives."""

_ROWS = 4096  # packed at a time: bits are unpacked to bytes on the way


def word_bytes(payload: Payload) -> int:
    """Bytes of a packed word."""
    return -(-payload.width // 8)


def memory_bytes(payload: Payload) -> int:
    """Bytes of a payload in memory."""
    return payload.memory_width // 8


def pack(beats: Beats, payload: Payload) -> Bytes:
    """Packed words, (n, word_bytes), of beats in their memory layout.

    Raises:
        ValueError: the elements have another size, or a value does not fit its declared width.
    """
    memory = _as_bytes(beats, payload)
    source = np.concatenate([np.arange(field.width) + field.offset for field in payload.fields])
    words = np.empty((len(memory), word_bytes(payload)), np.uint8)
    for rows in _chunks(len(memory)):
        bits = np.unpackbits(memory[rows], axis=1, bitorder="little")
        words[rows] = np.packbits(bits[:, source], axis=1, bitorder="little")
    _check_fit(memory, _to_memory(words, payload), payload)
    return words


def unpack(words: Bytes, payload: Payload) -> Beats:
    """Beats of `payload_type` from packed words; bits above a field's width repeat its sign."""
    memory = _to_memory(words[:, : word_bytes(payload)], payload)
    element = payload_type(payload)
    if element.subdtype:  # a number of several 64-bit words: (n, words)
        return memory.view(element.base)
    return memory.view(element)[:, 0]


def from_integers(values: Sequence[int], payload: Payload) -> Bytes:
    """Packed words, given as non-negative integers."""
    size = word_bytes(payload)
    for number, value in enumerate(values):
        if not 0 <= value < 1 << payload.width:
            raise ValueError(f"beat {number}: {value:#x} does not fit {payload.width} bits")
    data = b"".join(int(value).to_bytes(size, "little") for value in values)
    return np.frombuffer(data, np.uint8).reshape(len(values), size)


def field_values(word: Bytes, payload: Payload) -> list[int]:
    """The value of every field, in the payload's order, of one packed word."""
    number = int.from_bytes(word.tobytes(), "little")
    values = []
    for field in payload.fields:
        value = (number >> field.position) & ((1 << field.width) - 1)
        if field.signed and value >> (field.width - 1):
            value -= 1 << field.width
        values.append(value)
    return values


def lay_out(name: str, fields: Sequence[tuple[str, int, bool]]) -> Payload:
    """A payload of fields (name, width, signed), in memory where C++ puts them."""
    made: list[Field] = []
    offset = position = 0
    for field, width, signed in fields:
        memory = next((size for size in (8, 16, 32, 64) if width <= size), -(-width // 64) * 64)
        alignment = min(memory, 64)
        offset = -(-offset // alignment) * alignment
        made.append(Field(field, offset, memory, width, signed, position))
        offset, position = offset + memory, position + width
    return Payload(name, 8 * _natural_size(made, 0), position, tuple(made))


def payload_type(payload: Payload) -> np.dtype[Any]:
    """The dtype whose elements lie in memory as the payload does: nested as its fields are named.

    Integers wider than 64 bits are arrays of 64-bit words, lowest first.
    """
    leaves = [(_path(field.name), field) for field in payload.fields]
    return _nested(leaves, 0, 0, memory_bytes(payload))


def _as_bytes(beats: Beats, payload: Payload) -> Bytes:
    size = memory_bytes(payload)
    array = np.ascontiguousarray(beats)
    if not array.size:
        return np.empty((0, size), np.uint8)
    raw = array.reshape(len(array), -1).view(np.uint8)
    if raw.shape[1] != size:
        raise ValueError(
            f"an element of {payload.name} takes {size} bytes, those given take {raw.shape[1]}"
        )
    return raw


def _to_memory(words: Bytes, payload: Payload) -> Bytes:
    target, source = [], []
    for field in payload.fields:
        kept = np.arange(field.memory_width if field.signed else field.width)
        target.append(field.offset + kept)
        source.append(field.position + np.minimum(kept, field.width - 1))
    to, origin = np.concatenate(target), np.concatenate(source)
    memory = np.empty((len(words), memory_bytes(payload)), np.uint8)
    for rows in _chunks(len(words)):
        bits = np.zeros((len(words[rows]), payload.memory_width), np.uint8)
        bits[:, to] = np.unpackbits(words[rows], axis=1, bitorder="little")[:, origin]
        memory[rows] = np.packbits(bits, axis=1, bitorder="little")
    return memory


def _check_fit(given: Bytes, kept: Bytes, payload: Payload) -> None:
    for field in payload.fields:
        first, last = field.offset // 8, (field.offset + field.memory_width) // 8
        lost = (given[:, first:last] != kept[:, first:last]).any(axis=1)
        if lost.any():
            beat = int(lost.argmax())
            raise ValueError(
                f"beat {beat}: the value of {payload.name}.{field.name} does not fit "
                f"{field.width} {'signed' if field.signed else 'unsigned'} bits"
            )


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, count, _ROWS))


# The dtype ---------------------------------------------------------------------------------------

_Leaves = list[tuple[tuple[str | int, ...], Field]]


def _path(name: str) -> tuple[str | int, ...]:
    """`a.v[3]` -> ("a", "v", 3)."""
    parts = re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", name)
    return tuple(word or int(index) for word, index in parts)


def _nested(leaves: _Leaves, depth: int, base: int, size: int | None) -> np.dtype[Any]:
    """The dtype of leaves that share the first `depth` steps of their path and start at bit `base`.

    `size` in bytes; by default what they need, rounded up to their alignment.
    """
    path, first = leaves[0]
    if len(path) == depth:
        return _integer(first)
    groups: dict[str | int, _Leaves] = {}
    for leaf in leaves:
        groups.setdefault(leaf[0][depth], []).append(leaf)
    members = {
        step: _nested(group, depth + 1, group[0][1].offset, None) for step, group in groups.items()
    }
    if isinstance(path[depth], int):
        return np.dtype((members[0], (len(members),)))
    return np.dtype(
        {
            "names": [str(step) for step in groups],
            "formats": list(members.values()),
            "offsets": [(group[0][1].offset - base) // 8 for group in groups.values()],
            "itemsize": size or _natural_size([leaf[1] for leaf in leaves], base),
        }
    )


def _integer(field: Field) -> np.dtype[Any]:
    if field.memory_width > 64:
        return np.dtype(("<u8", (field.memory_width // 64,)))
    return np.dtype(f"<{'i' if field.signed else 'u'}{field.memory_width // 8}")


def _natural_size(fields: Sequence[Field], base: int) -> int:
    end = max(field.offset + field.memory_width for field in fields) - base
    alignment = max(min(field.memory_width, 64) for field in fields)
    return -(-end // alignment) * alignment // 8
