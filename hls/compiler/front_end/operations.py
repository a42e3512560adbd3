"""`#pragma HLS BIND_OP`: which multiplications it is about."""

import re
from collections.abc import Iterable

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from .annotations import Annotations
from .functions import ReadFunction
from .pragmas import Pragma
from .source import Source


def bind(functions: Iterable[ReadFunction], notes: Annotations, scanned: Source) -> None:
    """Write `implementation` into the multiplications on lines that assign the variable.

    Raises:
        HlsError: a pragma that finds no multiplication.
    """
    products = [product for read in functions for product in read.products]
    pragmas = {
        pragma.index: pragma for about in notes.functions.values() for pragma in about.operations
    }
    for pragma in pragmas.values():
        lines = set(_assignments(pragma, scanned))
        found = False
        for instruction, chain in products:
            if lines & set(chain):
                instruction.implementation = pragma["impl"]
                found = True
        if not found:
            raise HlsError(
                "bind-op",
                f"no multiplication computes '{pragma['variable']}' directly: LLVM found a simpler "
                "form, or the product is computed in another statement",
                pragma.location,
            )


def _assignments(pragma: Pragma, scanned: Source) -> Iterable[ir.Location]:
    """Lines of the statements around the pragma's function that assign its variable."""
    first, last = scanned.pragmas[pragma.index].extent
    file = pragma.location.file
    variable = re.escape(pragma["variable"])
    assigned = re.compile(rf"\b{variable}\b(?:\[[^\]]*\]|\.\w+)*\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)")
    declared = re.compile(rf"[\w>]\s+{variable}\s*[({{]")
    inside = False
    for line in range(first, last + 1):
        text = scanned.lines.get((file, line), "")
        inside = inside or bool(assigned.search(text) or declared.search(text))
        if inside:
            yield ir.Location(file, line)
            inside = ";" not in text
