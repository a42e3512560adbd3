"""Sizes and offsets in memory, as x86-64's data layout has them."""

from functools import cache

from m3vit.hls.compiler import ir


@cache
def alignment(of: ir.Type) -> int:
    """Bytes."""
    match of:
        case ir.IntType(width):
            return next((size for size in (1, 2, 4, 8) if width <= 8 * size), 16)
        case ir.ArrayType(_, element):
            return alignment(element)
        case ir.StructType(fields, packed):
            return 1 if packed else max((alignment(field) for field in fields), default=1)
        case _:
            return 8


@cache
def size(of: ir.Type) -> int:
    """Bytes from one element of an array to the next."""
    match of:
        case ir.IntType(width):
            return _round_up((width + 7) // 8, alignment(of))
        case ir.ArrayType(count, element):
            return count * size(element)
        case ir.StructType(fields, _):
            return _round_up(field_offset(of, len(fields)), alignment(of))
        case _:
            return 8


@cache
def field_offset(of: ir.StructType, index: int) -> int:
    """Bytes before field `index`; one past the last field gives the end of the last."""
    offset = 0
    for position, field in enumerate(of.fields):
        if not of.packed:
            offset = _round_up(offset, alignment(field))
        if position == index:
            return offset
        offset += size(field)
    return offset


def element_offset(of: ir.Type, indices: tuple[int, ...]) -> int:
    """Bytes that constant indices of a getelementptr, the first one counting `of`, add up to."""
    offset = indices[0] * size(of)
    for index in indices[1:]:
        match of:
            case ir.ArrayType(_, element):
                offset, of = offset + index * size(element), element
            case ir.StructType(fields, _):
                offset, of = offset + field_offset(of, index), fields[index]
            case _:
                raise ValueError(f"{of} has no elements")
    return offset


def _round_up(value: int, grain: int) -> int:
    return -(-value // grain) * grain
