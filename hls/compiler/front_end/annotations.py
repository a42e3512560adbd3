"""Pragmas where C++ has put them: notes on functions and variables, found through their markers.

A marker's call says in which function (and template instance) a pragma stands; the address it
carries says which variable it means, also through references and arguments. The markers are taken
out of the text here, so that they keep no variable from becoming a register.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import pragmas
from .llvm.debug_info import DebugInfo, VariableKey
from .llvm.unoptimised import Call, Origin, RawFunction, Unoptimised, operand_name
from .pragmas import Pragma
from .source import Source

VariableName = VariableKey | str
"""A local variable, or the LLVM name of a global one."""


@dataclass(frozen=True)
class VariableNote:
    """A pragma about `size` bytes of a variable, `offset` bytes into it (None: unknown)."""

    pragma: Pragma
    numbers: dict[str, int]
    offset: int | None
    size: int

    def is_about(self, start: int, end: int) -> bool:
        """The pragma is about bytes [start, end), about what lies there, or about more."""
        if self.offset is None:
            return True
        return start <= self.offset < end or (
            self.offset <= start and end <= self.offset + self.size
        )


@dataclass
class FunctionNotes:
    """What pragmas say about one function.

    Attributes:
        dataflow, kept, pipelined: line of DATAFLOW, of INLINE off, and of a PIPELINE that stands in
            no loop; None without one.
        interfaces: its INTERFACE pragmas. operations: its BIND_OP pragmas.
    """

    dataflow: ir.Location | None = None
    kept: ir.Location | None = None
    pipelined: ir.Location | None = None
    interfaces: list[Pragma] = field(default_factory=list)
    operations: list[Pragma] = field(default_factory=list)


@dataclass
class Annotations:
    """All notes of a translation unit; functions by LLVM name."""

    functions: dict[str, FunctionNotes]
    variables: dict[VariableName, list[VariableNote]]

    def of(self, function: str) -> FunctionNotes:
        """Notes on a function; empty where it has none."""
        return self.functions.get(function, FunctionNotes())


def collect(
    module: Unoptimised, debug: DebugInfo, source: Source, functions: Sequence[str]
) -> Annotations:
    """Read and remove the markers in `functions`.

    Raises:
        HlsError: a pragma about a variable that cannot be told.
    """
    collector = _Collector(module, debug, source, functions)
    for name in functions:
        collector.read(module.functions[name])
    return collector.notes


def interface_modes(interfaces: Sequence[Pragma]) -> dict[str, str]:
    """Port -> mode of a function's INTERFACE pragmas.

    Raises:
        HlsError: two modes for one port.
    """
    modes: dict[str, str] = {}
    for pragma in interfaces:
        port, mode = pragma["port"], pragma["mode"]
        if modes.setdefault(port, mode) != mode:
            if port == "return" and {modes[port], mode} == {"s_axilite", "ap_ctrl_hs"}:
                modes[port] = "s_axilite"  # the register file carries the handshake
                continue
            raise HlsError(
                "interface",
                f"port {port} is both {modes[port]} and {mode}: keep one INTERFACE pragma",
                pragma.location,
            )
    return modes


class _Collector:
    def __init__(
        self, module: Unoptimised, debug: DebugInfo, source: Source, functions: Sequence[str]
    ) -> None:
        self.module = module
        self.debug = debug
        self.source = source
        self.notes = Annotations({}, {})
        self.by_location = {placed.pragma.location: placed for placed in source.pragmas}
        self.callers: dict[str, list[tuple[RawFunction, Call]]] = {}
        for name in functions:
            for call in module.functions[name].calls:
                self.callers.setdefault(call.callee, []).append((module.functions[name], call))

    def read(self, function: RawFunction) -> None:
        notes = self.notes.functions.setdefault(function.name, FunctionNotes())
        removed = set()
        for call in function.calls:
            if call.callee == "__hls_pragma":
                removed.add(call.line)
                self.pragma(function, notes, call)
            elif call.callee == "__hls_pipeline":
                location = self.debug.location(call.debug)
                placed = self.by_location.get(location) if location else None
                if placed is not None and placed.loop is None:
                    removed.add(call.line)
                    notes.pipelined = location
        for line in removed:
            function.lines[line] = ""

    def pragma(self, function: RawFunction, notes: FunctionNotes, call: Call) -> None:
        index, address, size, *values = call.operands
        pragma = self.source.pragmas[_integer(index)].pragma
        if pragma.name == "DATAFLOW":
            notes.dataflow = pragma.location
        elif pragma.name == "INLINE":
            notes.kept = pragma.location
        elif pragma.name == "INTERFACE":
            notes.interfaces.append(pragma)
        elif pragma.name == "BIND_OP":
            notes.operations.append(pragma)
        elif pragma.name != "UNROLL":
            numbers = pragmas.numbers(pragma, tuple(_integer(value) for value in values))
            self.variable(
                function, operand_name(address), VariableNote(pragma, numbers, 0, _integer(size))
            )

    def variable(self, function: RawFunction, address: str, note: VariableNote) -> None:
        """Attach a note to every variable that `address` stands for."""
        pragma = note.pragma
        found = False
        for origin in self.origins(function, address, set()):
            found = True
            name: VariableName | None = origin.variable or origin.name or None
            if origin.kind == "unknown" or name is None:
                found = False
                break
            placed = replace(note, offset=origin.offset)
            notes = self.notes.variables.setdefault(name, [])
            if placed not in notes:
                notes.append(placed)
        if not found:
            raise HlsError(
                "pragma-variable",
                f"#pragma HLS {pragma.name}: which variable '{pragma['variable']}' stands for "
                "cannot be told: put the pragma where the variable is declared",
                pragma.location,
            )

    def origins(
        self, function: RawFunction, address: str, seen: set[tuple[str, int]]
    ) -> Iterator[Origin]:
        """The variables behind an address, looking through arguments at every caller."""
        origin = self.module.origin(function, address, self.debug)
        if origin.kind != "parameter":
            yield origin
            return
        key = (function.name, origin.position)
        if key in seen:
            return
        seen.add(key)
        for caller, call in self.callers.get(function.name, []):
            argument = operand_name(call.operands[origin.position])
            for outer in self.origins(caller, argument, seen):
                offset = (
                    None
                    if outer.offset is None or origin.offset is None
                    else outer.offset + origin.offset
                )
                yield Origin(outer.kind, outer.name, outer.variable, outer.position, offset)


def _integer(operand: str) -> int:
    match = re.search(r"(-?\d+)$", operand)
    assert match, operand
    return int(match[1])
