"""memset and memcpy, which LLVM makes of initialisers and copies, as one wide store each."""

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import storage
from .llvm import syntax

MAX_BYTES = 4096
"""Longer ones cannot be registers, and a memory is not written in one cycle."""


def is_bulk(callee: str) -> bool:
    """A call of this fills or copies memory."""
    return callee.startswith(("llvm.memset.", "llvm.memcpy.", "llvm.memmove."))


def expand(
    instruction: syntax.Instruction,
    operands: tuple[ir.Value, ...],
    module: syntax.Module,
    location: ir.Location | None,
    name: str,
) -> list[ir.Instruction]:
    """A store of all bytes, for a copy behind a load of them called `name`.

    Raises:
        HlsError: a length that is unknown or too large.
    """
    target, source, length, _ = operands
    if not isinstance(length, ir.Constant) or length.value > MAX_BYTES:
        raise HlsError(
            "large-copy",
            f"more than {MAX_BYTES} bytes are initialised or copied at once: write a pipelined "
            "loop",
            location,
        )
    if length.value == 0:
        return []
    of = ir.IntType(8 * length.value)
    made: list[ir.Instruction] = []
    value: ir.Value | None = None
    if isinstance(source, ir.Constant):
        value = ir.Constant(int.from_bytes(bytes([source.value]) * length.value, "little"), of)
    elif isinstance(source, ir.Global | ir.Address):
        value = _constant(source, length.value, module)
    if value is None:
        load = ir.Instruction("load", name, of, (source,), location=location)
        made.append(load)
        value = ir.Local(name, of)
    store = ir.Instruction("store", None, ir.VoidType(), (value, target), location=location)
    return [*made, store]


def _constant(
    source: ir.Global | ir.Address, length: int, module: syntax.Module
) -> ir.Constant | None:
    """What is copied from a table, or None where it is a variable."""
    offset = source.offset if isinstance(source, ir.Address) else 0
    name = source.base.name if isinstance(source, ir.Address) else source.name
    item = module.globals[name]
    content = storage.image(item) if item.constant else None
    if content is None:
        return None
    bits = int.from_bytes(content[offset : offset + length], "little")
    return ir.Constant(bits, ir.IntType(8 * length))
