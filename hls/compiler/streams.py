"""Packed words on streams against the images of objects that C++ moves."""

from .builder import GraphBuilder
from .graph import Node
from .ir import Field, Payload


def image(builder: GraphBuilder, payload: Payload, word: Node) -> Node:
    """The object in memory that a packed word stands for; padding is zero."""
    return assemble(
        builder,
        payload.memory_width,
        [
            (field, builder.wires.slice(word, field.position, field.width))
            for field in payload.fields
        ],
    )


def assemble(builder: GraphBuilder, width: int, values: list[tuple[Field, Node]]) -> Node:
    """`width` bits of memory with every field, extended, at its offset."""
    parts: list[Node] = []
    position = 0
    for field, value in sorted(values, key=lambda item: item[0].offset):
        if field.offset > position:
            parts.append(builder.constant(0, field.offset - position))
        parts.append(builder.resize(value, field.memory_width, field.signed))
        position = field.offset + field.memory_width
    if position < width:
        parts.append(builder.constant(0, width - position))
    return builder.wires.concat(parts[::-1])


def packed(builder: GraphBuilder, payload: Payload, memory: Node) -> Node:
    """The packed word of an object in memory."""
    memory = builder.wires.flat(memory)
    fields = sorted(payload.fields, key=lambda field: field.position)
    parts = [builder.wires.slice(memory, field.offset, field.width) for field in fields]
    return builder.wires.concat(parts[::-1])
