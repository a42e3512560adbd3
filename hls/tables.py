"""The kernels' look-up tables as a C++ header; their numbers come from `model.fixed`."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from m3vit.model.fixed import EXP2, GATE_EXP2, ROOT_TABLE

TABLES: dict[str, tuple[str, NDArray[np.int64]]] = {
    "kRootTable": ("Start values of a reciprocal square root, 16 bits.", ROOT_TABLE),
    "kExp2": ("255 * 2^8 * 2^(-f / 128): softmax of the attention.", EXP2),
    "kGateExp2": ("65535 * 2^(-f / 1024): softmax of the gate.", GATE_EXP2),
}
"""Constant in C++ -> (what it is, entries, all of 16 bits unsigned)."""


def tables_header() -> str:
    """Text of `m3vit/tables.hpp`."""
    lines = [
        "/// \\file tables.hpp",
        "/// Look-up tables of the kernels, generated from m3vit.model.fixed by m3vit.hls.tables.",
        "#pragma once",
        "",
        "namespace m3vit {",
    ]
    for name, (description, entries) in TABLES.items():
        lines += ["", f"/// {description}", f"constexpr unsigned short {name}[{entries.size}] = {{"]
        lines += [f"    {row}," for row in _rows(entries)]
        lines += ["};"]
    return "\n".join([*lines, "", "}  // namespace m3vit", ""])


def _rows(entries: NDArray[np.int64]) -> Iterator[str]:
    """Entries as text, twelve in a line."""
    for start in range(0, entries.size, 12):
        yield ", ".join(str(entry) for entry in entries[start : start + 12])
