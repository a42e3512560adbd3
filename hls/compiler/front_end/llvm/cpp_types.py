"""C++ types as far as hardware is concerned, and how their values are laid out."""

from collections.abc import Iterator
from dataclasses import dataclass

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError


@dataclass(frozen=True)
class CppType:
    """A C++ type as far as hardware is concerned.

    Attributes:
        kind: "integer", "struct", "array", "stream", "pointer" or "other".
        name: readable, without namespaces.
        size: bits in memory.
        width, signed: of an integer, as declared.
        members: of a struct: (name, offset in bits, type).
        element, count: of an array; a stream's payload is its `element`; a pointer's target too.
        depth: of a stream, from its template argument.
        constant: of a pointer or reference: its target is const.
        floating: an "other" that is a floating-point number.
    """

    kind: str
    name: str
    size: int
    width: int = 0
    signed: bool = False
    members: tuple[tuple[str, int, "CppType"], ...] = ()
    element: "CppType | None" = None
    count: int = 0
    depth: int = 0
    constant: bool = False
    floating: bool = False

    @property
    def innermost(self) -> "CppType":
        """The element of an array of any dimensions, or the type itself."""
        of = self
        while of.kind == "array" and of.element is not None:
            of = of.element
        return of


def payload(of: CppType, location: ir.Location | None) -> ir.Payload:
    """How values of a type lie in memory and how they travel.

    Raises:
        HlsError: a pointer, floating-point number, union or bit-field in it.
    """
    fields: list[ir.Field] = []
    position = 0
    for name, offset, integer in _leaves(of, "", 0, location):
        fields.append(ir.Field(name, offset, integer.size, integer.width, integer.signed, position))
        position += integer.width
    if not fields:
        raise HlsError("payload", f"{of.name} holds no data: give it a member", location)
    return ir.Payload(of.name, of.size, position, tuple(fields))


def _leaves(
    of: CppType, name: str, offset: int, location: ir.Location | None
) -> Iterator[tuple[str, int, CppType]]:
    if of.kind == "integer":
        yield name, offset, of
    elif of.kind == "struct":
        for member, start, inner in of.members:
            inner_name = f"{name}.{member}" if name and member else name or member
            yield from _leaves(inner, inner_name, offset + start, location)
    elif of.kind == "array" and of.element is not None:
        for index in range(of.count):
            start = offset + index * of.element.size
            yield from _leaves(of.element, f"{name}[{index}]", start, location)
    elif of.floating:
        raise HlsError(
            "floating-point",
            f"{name or 'the value'} is a {of.name}: floating point has no hardware here, "
            "use ap_fixed",
            location,
        )
    else:
        raise HlsError(
            "payload",
            f"{name or 'the value'} is a {of.name}: only integers, ap_[u]int, ap_[u]fixed, structs "
            "and arrays of them have a hardware layout",
            location,
        )
