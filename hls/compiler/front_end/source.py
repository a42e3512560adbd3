"""The C++ text: preprocessing, a light scan of its structure, and what it must not contain.

clang's preprocessor joins all files into one text with line markers. The scan walks over the
user's part of it, token by token, and finds loops with their labels, pragmas and the statement
that each belongs to. Pragmas are then replaced by calls of marker functions on the same line, so
that every line number stays true.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.ir import Location

from . import pragmas
from .places import shorten
from .pragmas import Pragma

_LINE_MARKER = re.compile(r'# (\d+) "((?:[^"\\]|\\.)*)"((?: \d)*)')
_TOKEN = re.compile(
    r"""R"(\w*)\(.*?\)\1"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*|\d[\w.']*|::|->|[^\s\w]"""
)

FORBIDDEN = {
    "virtual": ("virtual-call", "virtual functions have no hardware: use a template parameter"),
    "new": ("dynamic-memory", "memory cannot be allocated at run time: declare an array"),
    "delete": ("dynamic-memory", "memory cannot be allocated at run time: declare an array"),
    "goto": ("goto", "goto is not supported: use a loop and a condition"),
    "asm": ("inline-assembly", "assembly is not supported"),
    "throw": ("exception", "exceptions have no hardware: return a flag"),
    "try": ("exception", "exceptions have no hardware: return a flag"),
    "const_cast": ("const-cast", "const_cast is not supported: drop the const"),
    "reinterpret_cast": (
        "reinterpret-cast",
        "reinterpret_cast is not supported: copy bits with range()",
    ),
    "volatile": ("volatile", "volatile is not supported: use a stream"),
    "thread_local": ("thread-local", "thread_local is not supported: use a static variable"),
}
_LOOPS = frozenset({"for", "while", "do"})


@dataclass
class Loop:
    """A loop in the source. `location` is the line of its keyword."""

    location: Location
    label: str = ""
    unrolled: bool = False


@dataclass(frozen=True)
class PlacedPragma:
    """A pragma with the loop that it stands in directly, or None.

    `extent` holds the first and the last line of the function around it.
    """

    pragma: Pragma
    loop: Loop | None
    extent: list[int]


@dataclass
class Source:
    """A translation unit, ready to compile.

    Attributes:
        text: preprocessed C++ with markers in the place of pragmas.
        loops: all of the user's.
        pragmas: by index.
        lines: (file, line) -> text of the user's line.
    """

    text: str
    loops: list[Loop]
    pragmas: list[PlacedPragma]
    lines: dict[tuple[str, int], str] = field(repr=False)

    @cached_property
    def files(self) -> frozenset[str]:
        """The user's files."""
        return frozenset(file for file, _ in self.lines)


@dataclass
class _Scope:
    """An open brace: kind is namespace, class, function, loop, block or initialiser.

    `outer` is the statement that goes on behind the closing brace, with its bracket depth.
    """

    kind: str
    extent: list[int]
    loop: Loop | None = None
    outer: tuple[list[str], int] | None = None


def scan(preprocessed: str) -> Source:
    """Check the user's text and put markers into it.

    Raises:
        HlsError: a construct that has no hardware, or a pragma in the wrong place.
    """
    return _Scanner().run(preprocessed)


def _numbered(preprocessed: str) -> Iterator[tuple[str, str, int, bool]]:
    """(text, file, line, whether it is the user's) of every line; markers have line 0."""
    file, line, user = "", 0, False
    for text in preprocessed.split("\n"):
        marker = _LINE_MARKER.match(text)
        if marker:
            name = re.sub(r"\\(.)", r"\1", marker[2])
            file, line = shorten(name), int(marker[1])
            user = " 3" not in marker[3] and not name.startswith("<")
            yield text, file, 0, False
        else:
            yield text, file, line, user
            line += 1


def _rindex(tokens: Sequence[str], token: str) -> int:
    """Position of the last such token, -1 if there is none."""
    return len(tokens) - 1 - tokens[::-1].index(token) if token in tokens else -1


class _Scanner:
    """State of one scan: open braces, and the tokens of the statement that has begun."""

    def __init__(self) -> None:
        self.loops: list[Loop] = []
        self.pragmas: list[PlacedPragma] = []
        self.lines: dict[tuple[str, int], str] = {}
        self.scopes: list[_Scope] = []
        self.head: list[str] = []
        self.depth = 0  # of round and square brackets
        self.label = ""
        self.pending: Loop | None = None  # the last loop of the head
        self.closing_do = False

    def run(self, preprocessed: str) -> Source:
        output = []
        for text, file, line, user in _numbered(preprocessed):
            if user and text.strip():
                location = Location(file, line)
                pragma = pragmas.parse(text, len(self.pragmas), location)
                if pragma is not None:
                    text = self.place(pragma)
                elif text.lstrip().startswith("#"):
                    pass
                else:
                    self.lines[file, line] = text
                    self.tokens(text, location)
            output.append(text)
        return Source("\n".join(output), self.loops, self.pragmas, self.lines)

    def place(self, pragma: Pragma) -> str:
        """The marker for a pragma, which must stand where a statement may stand."""
        if not any(scope.kind == "function" for scope in self.scopes):
            raise HlsError(
                "pragma-place",
                f"#pragma HLS {pragma.name} stands outside functions: move it into the function "
                "that it is about",
                pragma.location,
            )
        if self.head:
            raise HlsError(
                "pragma-place",
                f"#pragma HLS {pragma.name} stands inside a statement: move it behind the next "
                "'{' or ';'",
                pragma.location,
            )
        loop = self.scopes[-1].loop if self.scopes[-1].kind == "loop" else None
        if pragmas.needs_loop(pragma):
            if loop is None:
                raise HlsError(
                    "pragma-place",
                    f"#pragma HLS {pragma.name} must be the body's first line of the loop that it "
                    "is about",
                    pragma.location,
                )
            loop.unrolled = True
        function = next(scope for scope in self.scopes if scope.kind == "function")
        self.pragmas.append(PlacedPragma(pragma, loop, function.extent))
        return pragmas.marker(pragma)

    def tokens(self, text: str, location: Location) -> None:
        for match in _TOKEN.finditer(text):
            self.token(match[0], location)

    def token(self, token: str, location: Location) -> None:
        if token in FORBIDDEN and not self.allowed(token):
            rule, sentence = FORBIDDEN[token]
            raise HlsError(rule, sentence, location)
        if token in _LOOPS and self.depth == 0:
            self.begin_loop(token, location)
        if token == "{":
            self.open(location.line)
        elif token == "}":
            self.close(location.line)
        elif token == ";" and self.depth == 0:
            self.head, self.pending, self.label, self.closing_do = [], None, "", False
        else:
            if token in "([":
                self.depth += 1
            elif token in ")]":
                self.depth -= 1
            elif token == ":" and self.depth == 0 and self.colon():
                return
            self.head.append(token)

    def allowed(self, token: str) -> bool:
        """`= delete` is a declaration."""
        return token == "delete" and self.head[-1:] == ["="]

    def colon(self) -> bool:
        """The statement begins behind this colon: it ends a label."""
        head, self.head = self.head, []
        if len(head) == 1 and re.fullmatch(r"[A-Za-z_]\w*", head[0]):
            if head[0] not in ("public", "private", "protected", "default"):
                self.label = head[0]
            return True
        if head[:1] == ["case"]:
            return True
        self.head = head
        return False

    def begin_loop(self, token: str, location: Location) -> None:
        if token == "while" and self.closing_do:
            self.closing_do = False
            return
        self.pending = Loop(location, self.label)
        self.label = ""
        self.loops.append(self.pending)

    def open(self, line: int) -> None:
        kind = self.kind_of_brace()
        loop = self.pending if kind == "loop" else None
        in_code = bool(self.scopes) and self.scopes[-1].kind in ("function", "loop", "block")
        goes_on = kind == "initialiser" or (kind in ("function", "class") and in_code)
        outer = (self.head, self.depth) if goes_on else None
        self.scopes.append(_Scope(kind, [line, line], loop, outer))
        self.head, self.pending, self.depth = [], None, 0

    def kind_of_brace(self) -> str:
        """What the statement so far makes of an opening brace."""
        head = self.head
        last = head[-1] if head else ""
        inside = self.scopes[-1].kind if self.scopes else "namespace"
        outside_code = inside in ("namespace", "class")
        if inside == "initialiser":
            return "initialiser"
        if outside_code and ("namespace" in head or (head[:1] == ["extern"] and "(" not in head)):
            return "namespace"
        if self.pending is not None and last in (")", "do") and self.depth == 0:
            return "loop"
        if not outside_code and (not head or head[0] in ("if", "switch", "else", "do")):
            return "block"
        if last in (")", "const", "noexcept", "override", "final", "mutable"):
            return "function"
        if {"class", "struct", "union", "enum"} & set(head) and "=" not in head:
            return "class"
        behind_arguments = head[_rindex(head, ")") + 1 :]
        if "=" not in behind_arguments and (
            "->" in behind_arguments or (outside_code and ")" in head)
        ):
            return "function"
        return "initialiser"

    def close(self, line: int) -> None:
        if not self.scopes:
            return
        scope = self.scopes.pop()
        scope.extent[1] = line
        if scope.outer is not None:
            self.head, self.depth = scope.outer
            self.head.append("}")
            return
        self.head, self.depth = [], 0
        self.closing_do = scope.loop is not None and self.is_do(scope.loop)

    def is_do(self, loop: Loop) -> bool:
        text = self.lines[loop.location.file, loop.location.line]
        return re.search(r"\bdo\b", text) is not None
