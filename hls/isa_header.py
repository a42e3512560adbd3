"""The instruction set as a C++ header: `m3vit/isa.hpp`."""

from collections.abc import Iterable

from .isa import INSTRUCTIONS, MEANINGS, OPCODE_BITS, VERSION, Field, Kind

_ENUMERATIONS = {"wide": "NormWide", "destination": "Destination"}
"""Field -> name of its enumeration."""


def isa_header() -> str:
    """Text of `m3vit/isa.hpp`: a struct per instruction, and how it lies in 256 bits."""
    lines = [
        "/// \\file isa.hpp",
        "/// The engine's instructions, generated from m3vit.hls.isa; their text is docs/isa.md.",
        "#pragma once",
        "",
        "#include <ap_int.h>",
        "",
        '#include "m3vit/engine/instruction.hpp"',
        "",
        "namespace m3vit {",
        "",
        f"constexpr int kIsaVersion = {VERSION};",
        f"constexpr int kOpcodeBits = {OPCODE_BITS};",
        "",
        *_enumeration("Opcode", ((kind.name.capitalize(), kind.opcode) for kind in INSTRUCTIONS)),
    ]
    for field, names in MEANINGS.items():
        values = ((name.capitalize(), value) for value, name in enumerate(names))
        lines += ["", *_enumeration(_ENUMERATIONS[field], values)]
    lines += [
        "",
        "inline ap_uint<kOpcodeBits> OpcodeOf(const InstructionBits& bits) {",
        "    #pragma HLS INLINE",
        "    return bits;",
        "}",
    ]
    for kind in INSTRUCTIONS:
        if kind.fields:
            lines += ["", *_structure(kind), "", *_reader(kind)]
    return "\n".join([*lines, "", "}  // namespace m3vit", ""])


def _enumeration(name: str, values: Iterable[tuple[str, int]]) -> list[str]:
    """`enum Opcode { kOpcodeBegin = 1, ... };`, an entry a line."""
    entries = [f"    k{name}{value} = {number}," for value, number in values]
    return [f"enum {name} {{", *entries, "};"]


def _type(field: Field) -> str:
    return f"ap_{'int' if field.signed else 'uint'}<{field.bits}>"


def _structure(kind: Kind) -> list[str]:
    lines = [f"/// {kind.name}", f"struct {kind.name.capitalize()}Instruction {{"]
    for field in kind.fields:
        lines += [f"    {_type(field)} {field.name};"]
    return [*lines, "};"]


def _reader(kind: Kind) -> list[str]:
    name = kind.name.capitalize()
    lines = [
        f"inline {name}Instruction As{name}(const InstructionBits& bits) {{",
        "    #pragma HLS INLINE",
        f"    {name}Instruction fields;",
    ]
    for field in kind.fields:
        low = kind.positions[field.name]
        lines += [f"    fields.{field.name} = bits >> {low};"]
    return [*lines, "    return fields;", "}"]
