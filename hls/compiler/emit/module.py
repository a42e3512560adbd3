"""The text of one module while it grows: sections of lines, declared signals, who reads what."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..ir import Location
from ..names import RESERVED, Names, legal

LINE = 100
"""Longest line of generated text."""

INDENT = 4


def vector(width: int) -> str:
    """The packed range of a declaration, followed by a blank; nothing for one bit."""
    return f"[{width - 1}:0] " if width > 1 else ""


def wrap(line: str, indent: int) -> list[str]:
    """A statement on as many lines as it needs; continuations are indented further."""
    indent += len(line) - len(line.lstrip())
    line = line.lstrip()
    start = " " * indent
    if len(start + line) <= LINE - INDENT:
        return [start + line]
    return textwrap.wrap(
        line,
        LINE - INDENT,
        initial_indent=start,
        subsequent_indent=start + " " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def guarded(condition: str, statements: Sequence[str]) -> list[str]:
    """`if (condition)` and its statements."""
    if len(statements) == 1 and not statements[0].startswith((" ", "if")):
        return [f"if ({condition}) {statements[0]}"]
    return [f"if ({condition}) begin", *indented(statements), "end"]


def with_reset(resets: Sequence[str], statements: Sequence[str]) -> list[str]:
    """What happens in reset, and what does otherwise."""
    if len(resets) == len(statements) == 1 and not statements[0].startswith("if"):
        return [f"if (!rst_n) {resets[0]}", f"else {statements[0]}"]
    return ["if (!rst_n) begin", *indented(resets), "end else begin", *indented(statements), "end"]


def indented(statements: Sequence[str]) -> list[str]:
    """The statements one level further in."""
    return [" " * INDENT + statement for statement in statements]


@dataclass
class Section:
    """A titled part of the module: statements, then registers that load in every cycle."""

    title: str
    _lines: list[str] = field(default_factory=list)
    _declarations: list[str] = field(default_factory=list)
    _loads: list[str] = field(default_factory=list)
    _place: Location | None = None

    def add(self, statement: str, location: Location | None = None, indent: int = 0) -> None:
        """A statement, with its line of C++ where that differs from the one before."""
        lines = wrap(statement, indent)
        if location is not None and location != self._place:
            self._place = location
            comment = f"// {location.short}"
            if len(lines[-1]) + 2 + len(comment) <= LINE - INDENT:
                lines[-1] += f"  {comment}"
            else:
                lines.insert(0, " " * indent + comment)
        self._lines += lines

    def register(self, declaration: str, name: str, source: str) -> None:
        """A register without enable or reset; `declaration` is all but its name."""
        self._declarations.append(f"{declaration}{name};")
        self._loads.append(f"{name} <= {source};")

    def block(self, head: str, statements: Sequence[str]) -> None:
        """`head begin ... end`, or on one line with a single short statement."""
        if len(statements) == 1 and len(head) + len(statements[0]) < LINE - 2 * INDENT:
            self._lines.append(f"{head} {statements[0]}")
        elif statements:
            self._lines.append(f"{head} begin")
            for statement in statements:
                self._lines += wrap(statement, INDENT)
            self._lines.append("end")

    def lines(self) -> list[str]:
        """The section with its title; nothing when it is empty."""
        if self._loads:
            self._lines += self._declarations
            self.block("always_ff @(posedge clk)", self._loads)
            self._declarations, self._loads = [], []
        if not self._lines:
            return []
        return ["", f"// {self.title} ".ljust(LINE - INDENT, "-"), *self._lines]


class Module:
    """Names, widths and reads of the signals of a module.

    Every signal's bits are counted when an expression names them; `unread` says what is left,
    because a lint-clean module has to say so too.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.names = Names(frozenset([name]))
        self._widths: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self.register_bits = 0

    def port(self, name: str, width: int, is_input: bool = True) -> str:
        """A port, whose name is given from outside; inputs have to be read."""
        if name not in RESERVED and self.names.unique(name) != name:
            raise ValueError(f"port {name} of {self.name} is declared twice")
        return self.watch(name, width) if is_input else name

    def declare(self, text: str, width: int) -> str:
        """A new signal with a unique name; its declaration is written elsewhere."""
        return self.watch(self.names.unique(text), width)

    def watch(self, name: str, width: int) -> str:
        """Count the reads of `name`: of a declared signal, or of an element of one."""
        self._widths[name] = width
        self._read.setdefault(name, 0)
        return name

    def argument(self, name: str) -> str:
        """The port of a scalar argument."""
        return legal(name)

    def bits(self, name: str, low: int = 0, width: int = 0) -> str:
        """Text for bits [low, low + width) of a signal; all of them without a width."""
        whole = self._widths[name]
        width = width or whole - low
        if low < 0 or low + width > whole:
            raise ValueError(f"{name} has {whole} bits, not [{low + width - 1}:{low}]")
        self._read[name] |= ((1 << width) - 1) << low
        if width == whole:
            return name
        return f"{name}[{low}]" if width == 1 else f"{name}[{low + width - 1}:{low}]"

    def read_all(self, name: str) -> str:
        """The whole signal."""
        return self.bits(name)

    def text(self, header: Sequence[str], ports: Sequence[str], sections: Sequence[Section]) -> str:
        """The whole file: comment lines, ports, sections, and what nobody reads."""
        sections = [*sections]
        unread = self.unread()
        if unread:
            last = Section("Bits that nothing reads")
            last.add(f"wire {self.names.unique('unused')} = &{{1'b0, {', '.join(unread)}}};")
            sections.append(last)
        lines = [*(f"// {line}".rstrip() for line in header), f"module {self.name} ("]
        lines += [f"{' ' * INDENT}{port}," for port in ports[:-1]]
        lines += [f"{' ' * INDENT}{ports[-1]}", ");"]
        for section in sections:
            lines += [f"{' ' * INDENT}{line}" if line else "" for line in section.lines()]
        return "\n".join([*lines, "endmodule", ""])

    def unread(self) -> list[str]:
        """Text for the bits of signals that nothing reads."""
        found = []
        for name, width in self._widths.items():
            missing = ~self._read[name] & ((1 << width) - 1)
            while missing:
                low = (missing & -missing).bit_length() - 1
                run = missing >> low
                count = (~run & (run + 1)).bit_length() - 1
                found.append(self._slice(name, low, count))
                missing &= ~(((1 << count) - 1) << low)
        return found

    def _slice(self, name: str, low: int, count: int) -> str:
        if count == self._widths[name]:
            return name
        return f"{name}[{low}]" if count == 1 else f"{name}[{low + count - 1}:{low}]"
