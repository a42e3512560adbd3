"""What each argument of a function is that stays a function: a number, streams, or an object.

Objects are what C++ passes in memory: references, pointers, arrays, and structs by value.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from .llvm.cpp_types import CppType, payload
from .llvm.debug_info import DebugInfo
from .llvm.unoptimised import Call, RawFunction, RawParameter, operand_name

CallSite = tuple[RawFunction, Call]
"""A call, and the function that contains it."""


@dataclass(frozen=True)
class Number:
    """An argument that LLVM passes as a value already."""

    type: str
    name: str


@dataclass(frozen=True)
class Streams:
    """The address of a stream, or of an array of them."""

    name: str


@dataclass(frozen=True)
class Object:
    """An argument in memory. `source` is its C++ name, "" for the returned value."""

    name: str
    source: str
    layout: ir.Payload
    written: bool


@dataclass(frozen=True)
class StreamBinding:
    """The streams behind an address, `stride` bytes apart."""

    ports: list[ir.StreamPort]
    stride: int


@dataclass
class KeptFunction:
    """A function that LLVM must not inline.

    Attributes:
        kind: "process", "module" or "network".
        symbol: LLVM name of the body after the rewriting. mangled: before.
        name: in C++, without namespaces and template arguments.
        arguments: in order.
        bindings: per LLVM argument of the body, the name of the scalar, or the streams.
        parts: C++ argument -> names of the scalars that it became.
        results: of a module.
    """

    kind: str
    symbol: str
    mangled: str
    name: str
    location: ir.Location | None
    arguments: list[ir.Argument] = field(default_factory=list)
    bindings: list[str | StreamBinding] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    results: list[ir.Output] = field(default_factory=list)


class Signature:
    """What each argument of a function is."""

    def __init__(
        self,
        debug: DebugInfo,
        function: RawFunction,
        kind: str,
        symbol: str,
        calls: Sequence[CallSite],
    ) -> None:
        subprogram = debug.node(function.debug)
        name = re.sub(r"<.*", "", subprogram.text("name"))
        self.kept = KeptFunction(kind, symbol, function.name, name, debug.line_of(subprogram))
        self.calls = calls
        self.names: set[str] = set()
        self.entries: list[Number | Streams | Object] = []
        self.returned: ir.Payload | None = None
        self.returned_object: Object | None = None
        returned, types = debug.parameter_types(subprogram)
        parameters = function.parameters
        if returned is not None:
            parameters = self.read_returned(returned, function)
        self.hidden = len(function.parameters) - len(parameters)
        if len(parameters) != len(types):
            raise self.by_value("a struct of plain integers")
        names = debug.parameters(subprogram)
        for number, (parameter, cpp) in enumerate(zip(parameters, types, strict=True), start=1):
            source = names[number].text("name") if number in names else f"argument_{number}"
            self.read_argument(parameter.type, parameter.name, source, cpp, number, function)

    @property
    def objects(self) -> list[Object]:
        """Arguments in memory, the returned one last."""
        found = [entry for entry in self.entries if isinstance(entry, Object)]
        return [*found, self.returned_object] if self.returned_object else found

    @property
    def outputs(self) -> list[tuple[Object | None, ir.Field]]:
        """Every field that goes back to the caller; None for a value returned directly."""
        found: list[tuple[Object | None, ir.Field]] = []
        if self.returned is not None:
            found += [(self.returned_object, leaf) for leaf in self.returned.fields]
        for entry in self.entries:
            if isinstance(entry, Object) and entry.written:
                found += [(entry, leaf) for leaf in entry.layout.fields]
        return found

    @property
    def result_type(self) -> str:
        """Of the body, as LLVM text."""
        if self.kept.kind != "module":
            return "void"
        return "{ " + ", ".join(f"i{leaf.width}" for _, leaf in self.outputs) + " }"

    def error(self, rule: str, sentence: str) -> HlsError:
        return HlsError(rule, f"{self.kept.name} {sentence}", self.kept.location)

    def by_value(self, what: str) -> HlsError:
        return self.error("by-value", f"takes {what} by value: pass it by const reference")

    def read_returned(self, returned: CppType, function: RawFunction) -> list[RawParameter]:
        """Note the returned value; gives the parameters that C++ sees."""
        if self.kept.kind != "module":
            raise self.error(
                "process-result",
                "returns a value: a function with streams returns void, write to a stream",
            )
        self.returned = payload(returned, self.kept.location)
        for leaf in self.returned.fields:
            self.kept.results.append(ir.Output(_join("", leaf), leaf.width, leaf.signed))
        if " sret(" in function.header:
            self.returned_object = Object(function.parameters[0].name, "", self.returned, True)
            return function.parameters[1:]
        if returned.kind != "integer":
            raise self.error(
                "by-value", "returns a struct of plain integers: give it back by reference"
            )
        return function.parameters

    def read_argument(
        self, of: str, name: str, source: str, cpp: CppType, number: int, function: RawFunction
    ) -> None:
        target = cpp.element if cpp.kind == "pointer" else None
        if target is not None and is_stream(target):
            self.add_streams(name, source, target)
        elif target is not None:
            if self.kept.kind != "module" and not cpp.constant:
                raise self.error(
                    "process-result",
                    f"writes to its argument {source}: a function with streams gives its results "
                    "on streams",
                )
            if "nonnull" not in function.parameters[number - 1 + self.hidden].attributes:
                target = self.whole_array(target, source, number)
            self.add_object(
                Object(name, source, payload(target, self.kept.location), not cpp.constant)
            )
        elif of == "ptr":
            self.add_object(Object(name, source, payload(cpp, self.kept.location), False))
        elif cpp.kind == "integer" and re.fullmatch(r"i\d+", of):
            self.entries.append(Number(of, name))
            self.kept.bindings.append(self.add_scalar(source, cpp.width, cpp.signed))
        else:
            payload(cpp, self.kept.location)  # says so if it is no integer at all
            raise self.by_value(f"{source}, a struct of plain integers,")

    def add_streams(self, name: str, source: str, target: CppType) -> None:
        if self.kept.kind == "module":
            raise self.error(
                "module-stream",
                "has INLINE off and a stream: call it from a DATAFLOW function, or drop INLINE off",
            )
        ports = [
            ir.StreamPort(self.unique(source + suffix), layout, self.kept.location)
            for suffix, layout in stream_payloads(target, self.kept.location)
        ]
        self.entries.append(Streams(name))
        self.kept.arguments += ports
        self.kept.bindings.append(StreamBinding(ports, target.innermost.size // 8))
        self.kept.parts[source] = [port.name for port in ports]

    def add_object(self, item: Object) -> None:
        self.entries.append(item)
        for leaf in item.layout.fields:
            name = self.add_scalar(_join(item.source, leaf), leaf.width, leaf.signed)
            self.kept.bindings.append(name)
            self.kept.parts.setdefault(item.source, []).append(name)
            if item.written:
                self.kept.results.append(ir.Output(name, leaf.width, leaf.signed))

    def add_scalar(self, name: str, width: int, signed: bool) -> str:
        name = self.unique(name)
        self.kept.arguments.append(ir.Scalar(name, width, signed, self.kept.location))
        return name

    def whole_array(self, target: CppType, source: str, number: int) -> CppType:
        """The array behind a parameter `T x[N]`, whose N C++ forgets: the callers know."""
        counts = {
            _passed_count(caller, call.operands[number - 1 + self.hidden])
            for caller, call in self.calls
        }
        count = counts.pop() if len(counts) == 1 else None
        if count is None:
            raise self.error(
                "array-parameter",
                f"takes {source} as a pointer, and how much is behind it cannot be told: declare "
                "a reference, T (&x)[N]",
            )
        name, size = f"{target.name}[]", count * target.size
        return CppType("array", name, size, element=target, count=count)

    def unique(self, name: str) -> str:
        name = re.sub(r"\W", "_", name)
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name


def stream_payloads(
    of: CppType, location: ir.Location | None, suffix: str = ""
) -> Iterator[tuple[str, ir.Payload]]:
    """(suffix of the name, payload) of a stream, or of each one in an array of streams."""
    if of.kind == "array" and of.element is not None:
        for index in range(of.count):
            yield from stream_payloads(of.element, location, f"{suffix}_{index}")
    elif of.element is not None:
        yield suffix, payload(of.element, location)


def _join(source: str, leaf: ir.Field) -> str:
    """`x` and `[3]` -> `x_3`; `c` and `a.b[1]` -> `c_a_b_1`."""
    return "_".join([*([source] if source else []), *re.findall(r"\w+", leaf.name)])


def is_stream(of: CppType) -> bool:
    """A stream, or an array of streams."""
    return of.innermost.kind == "stream"


def _passed_count(caller: RawFunction, operand: str) -> int | None:
    """Length of the array whose address decays into this operand."""
    text = caller.definitions.get(operand_name(operand), "")
    match = re.match(r"getelementptr inbounds \[(\d+) x .*, i64 0, i64 0", text)
    return int(match[1]) if match else None
