"""LLVM IR as clang writes it, before any pass: read by line, edited as text.

It is ten times longer than what the passes leave, so only what is asked for is looked at:
which function calls which, and which variable an address comes from.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from m3vit.hls.compiler import ir

from . import layout, parser
from .debug_info import DebugInfo, VariableKey
from .line import Line, ParseError, unquote
from .syntax import Module

_NAME = r'(?:"[^"]*"|[\w.$-]+)'
_CALL = re.compile(rf"(?:call|invoke) [^@]*?@({_NAME})\(")
_DEFINITION = re.compile(rf"  (%{_NAME}) = (.*)")


@dataclass(frozen=True)
class Origin:
    """Where an address comes from.

    Attributes:
        kind: "local" (`variable` is set), "global" (`name`), "parameter" (`position`, from 0),
            or "unknown".
        offset: bytes from the start of that object, or None where it depends on a value.
    """

    kind: str
    name: str = ""
    variable: VariableKey | None = None
    position: int = -1
    offset: int | None = 0

    @property
    def object(self) -> tuple[str, str, VariableKey | None, int]:
        """What it points into, whatever the offset."""
        return self.kind, self.name, self.variable, self.position


@dataclass(frozen=True)
class Call:
    """A call: its place in `RawFunction.lines`, the callee, and operands with their types."""

    line: int
    callee: str
    operands: tuple[str, ...]
    debug: int


@dataclass(frozen=True)
class RawParameter:
    """A formal argument: its LLVM type and attributes as text, its name with %."""

    type: str
    name: str
    attributes: str


@dataclass
class RawFunction:
    """The text of a definition.

    Attributes:
        name: LLVM's. header: the line `define ... {`. lines: of the body.
        returns: type as text. debug: number of the DISubprogram, -1 without one.
    """

    name: str
    header: str
    lines: list[str]
    parameters: list[RawParameter]
    returns: str
    debug: int

    @cached_property
    def definitions(self) -> dict[str, str]:
        """Value -> text of the instruction that defines it."""
        return {match[1]: match[2] for line in self.lines if (match := _DEFINITION.match(line))}

    @cached_property
    def declared(self) -> dict[str, int]:
        """Alloca -> number of the variable that lives there."""
        found = {}
        for line in self.lines:
            if line.startswith("    #dbg_declare("):
                match = re.match(rf"\s+#dbg_declare\(ptr (%{_NAME}), !(\d+),", line)
                if match:
                    found[match[1]] = int(match[2])
        return found

    @cached_property
    def calls(self) -> list[Call]:
        """All direct calls but those of intrinsics."""
        found = []
        for number, line in enumerate(self.lines):
            match = _CALL.search(line) if "call " in line else None
            if match and not match[1].startswith("llvm."):
                inside = line[match.end() : _closing(line, match.end())]
                debug = re.search(r"!dbg !(\d+)", line)
                operands = tuple(split_operands(inside))
                found.append(
                    Call(number, unquote(match[1]), operands, int(debug[1]) if debug else -1)
                )
        return found


class Unoptimised:
    """A module's text, cut into functions.

    Attributes:
        before, after: lines around the functions. functions: by LLVM name.
        types: by name. debug: what the metadata says.
    """

    def __init__(self, text: str, debug: DebugInfo | None = None) -> None:
        self.before: list[str] = []
        self.after: list[str] = []
        self.functions: dict[str, RawFunction] = {}
        lines = text.split("\n")
        position = 0
        while position < len(lines):
            line = lines[position]
            if line.startswith("define "):
                end = lines.index("}", position)
                function = _function(line, lines[position + 1 : end])
                self.functions[function.name] = function
                position = end
            elif self.functions:
                self.after.append(line)
            else:
                self.before.append(line)
            position += 1
        declarations = "\n".join(line for line in self.before if line.startswith("%"))
        self.types = parser.parse(declarations, ()).types

    def render(self, extra: list[str]) -> str:
        """The module's text again, with further definitions."""
        parts = list(self.before)
        for function in self.functions.values():
            parts += [function.header, *function.lines, "}", ""]
        return "\n".join([*parts, *extra, *self.after])

    def reachable(self, start: str) -> list[str]:
        """Names of defined functions that `start` needs, callees before callers.

        Raises:
            RecursionError: a function needs itself; the argument is its name.
        """
        order: list[str] = []
        state: dict[str, str] = {start: "open"}
        stack: list[tuple[str, Iterator[str]]] = [(start, self._callees(start))]
        while stack:
            name, callees = stack[-1]
            for callee in callees:
                if callee not in state:
                    state[callee] = "open"
                    stack.append((callee, self._callees(callee)))
                    break
                if state[callee] == "open":
                    raise RecursionError(callee)
            else:
                stack.pop()
                state[name] = "done"
                order.append(name)
        return order

    def _callees(self, name: str) -> Iterator[str]:
        return iter(
            dict.fromkeys(
                call.callee for call in self.functions[name].calls if call.callee in self.functions
            )
        )

    def origin(self, function: RawFunction, operand: str, debug: DebugInfo) -> Origin:
        """What an address operand (`%name`, `@name` or a constant expression) points to."""
        if operand.startswith("@"):
            return Origin("global", unquote(operand))
        for position, parameter in enumerate(function.parameters):
            if parameter.name == operand:
                return Origin("parameter", position=position)
        if operand.startswith("getelementptr"):
            return self._step(function, operand, debug)
        text = function.definitions.get(operand, "")
        if text.startswith("alloca"):
            variable = function.declared.get(operand)
            if variable is None:
                return Origin("local", operand)
            node = debug.node(variable)
            if argument := node.number("arg"):
                names = [parameter.name for parameter in function.parameters]
                wanted = f"%{node.text('name')}"
                if wanted in names:
                    return Origin("parameter", position=names.index(wanted))
                return Origin("parameter", position=argument - 1)
            if text.startswith("alloca ptr"):
                return self._reference(function, operand, debug)
            return Origin("local", operand, debug.variable_key(variable))
        if match := re.match(rf"load ptr, ptr (%{_NAME})", text):
            home = function.definitions.get(match[1], "")
            if home.startswith("alloca ptr"):
                if function.declared.get(match[1], -1) in self._arguments(function, debug):
                    return self.origin(function, match[1], debug)
                return self._reference(function, match[1], debug)
        if text.startswith("getelementptr"):
            return self._step(function, text, debug)
        return Origin("unknown")

    def _arguments(self, function: RawFunction, debug: DebugInfo) -> set[int]:
        return {
            variable
            for variable in function.declared.values()
            if debug.node(variable).number("arg")
        }

    def _reference(self, function: RawFunction, home: str, debug: DebugInfo) -> Origin:
        """What a local reference or pointer variable is bound to, if it is bound once."""
        stored = [
            match[1]
            for line in function.lines
            if (
                match := re.match(rf"  store ptr (%{_NAME}|@{_NAME}), ptr {re.escape(home)},", line)
            )
        ]
        return self.origin(function, stored[0], debug) if len(stored) == 1 else Origin("unknown")

    def _step(self, function: RawFunction, text: str, debug: DebugInfo) -> Origin:
        """The origin of a getelementptr."""
        match = re.match(r"getelementptr (?:inbounds |nuw |nusw )*\(?(.*)", text)
        assert match
        line = Line(match[1], Module(self.types, {}, {}, {}))
        try:
            element = line.type()
            line.need(",")
            base = line.typed_value()
            indices: list[int] | None = []
            while line.eat(",") and not line.peek().startswith("!"):
                index = line.typed_value()
                if isinstance(index, ir.Constant) and indices is not None:
                    indices.append(index.value)
                else:
                    indices = None
        except ParseError:
            return Origin("unknown")
        name = base.name if isinstance(base, ir.Local | ir.Global) else ""
        sigil = "@" if isinstance(base, ir.Global) else "%"
        found = self.origin(function, sigil + quoted(name), debug)
        if found.kind == "unknown" or found.offset is None or indices is None:
            return Origin(found.kind, found.name, found.variable, found.position, None)
        offset = found.offset + layout.element_offset(element, tuple(indices))
        return Origin(found.kind, found.name, found.variable, found.position, offset)


def split_operands(text: str) -> Iterator[str]:
    """The parts between commas that stand in no bracket."""
    depth, start, quoted = 0, 0, False
    for position, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "([{<":
            depth += 1
        elif letter in ")]}>":
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def operand_name(operand: str) -> str:
    """`%x` of `ptr noundef align 4 %x`; a constant expression as a whole."""
    at = operand.find("getelementptr")
    return operand[at:] if at >= 0 else operand.rsplit(" ", 1)[-1]


def _closing(text: str, start: int) -> int:
    """Position of the bracket that closes the one before `start`."""
    depth, quoted = 1, False
    for position in range(start, len(text)):
        letter = text[position]
        if letter == '"':
            quoted = not quoted
        elif not quoted:
            depth += (letter == "(") - (letter == ")")
            if depth == 0:
                return position
    return len(text)


def quoted(name: str) -> str:
    """A name as it stands behind % or @."""
    return name if re.fullmatch(r"[\w.$-]+", name) else f'"{name}"'


def _function(header: str, lines: list[str]) -> RawFunction:
    match = re.match(rf"define .*?(\S+) @({_NAME})\(", header)
    assert match, header
    inside = header[match.end() : _closing(header, match.end())]
    parameters = []
    for text in split_operands(inside):
        of, _, rest = text.partition(" ")
        attributes, _, name = rest.rpartition(" ")
        parameters.append(RawParameter(of, name, attributes))
    debug = re.search(r"!dbg !(\d+)", header)
    return RawFunction(
        unquote(match[2]), header, lines, parameters, match[1], int(debug[1]) if debug else -1
    )
