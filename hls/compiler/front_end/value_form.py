"""Functions that stay functions get values only, before LLVM optimises anything.

A process takes streams by address and numbers by value; a function kept as a module takes and
gives numbers only. What C++ passes by reference, and every field of a struct or array, becomes an
argument of its declared width, a result, or both. The body keeps its text: it finds its arguments
in memory that the new entry fills. Callers keep theirs too: a wrapper of the old name, always
inlined, unpacks and packs. LLVM's passes then remove all of that memory.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from .llvm.debug_info import CppType, DebugInfo, payload
from .llvm.unoptimised import (
    Call,
    RawFunction,
    RawParameter,
    Unoptimised,
    operand_name,
    quoted,
)

CallSite = tuple[RawFunction, Call]
"""A call, and the function that contains it."""


@dataclass(frozen=True)
class _Number:
    """An argument that LLVM passes as a value already."""

    type: str
    name: str


@dataclass(frozen=True)
class _Streams:
    """The address of a stream, or of an array of them."""

    name: str


@dataclass(frozen=True)
class _Object:
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


def rewrite(
    module: Unoptimised,
    debug: DebugInfo,
    function: RawFunction,
    kind: str,
    symbol: str,
    calls: Sequence[CallSite],
) -> tuple[KeptFunction, list[str]]:
    """Give `function` its value form, in place.

    Args:
        kind, symbol: of the result.
        calls: every call of the function.

    Returns:
        The function, and the text of the wrapper that its callers use.

    Raises:
        HlsError: an argument or result that has no value form, or arguments that may overlap.
    """
    signature = _Signature(debug, function, kind, symbol, calls)
    if kind == "module":
        _check_overlap(module, debug, signature, calls)
    wrapper = _wrapper(signature, function)
    _rewrite_body(signature, function)
    return signature.kept, wrapper


class _Signature:
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
        self.entries: list[_Number | _Streams | _Object] = []
        self.returned: ir.Payload | None = None
        self.returned_object: _Object | None = None
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
    def objects(self) -> list[_Object]:
        """Arguments in memory, the returned one last."""
        found = [entry for entry in self.entries if isinstance(entry, _Object)]
        return [*found, self.returned_object] if self.returned_object else found

    @property
    def outputs(self) -> list[tuple[_Object | None, ir.Field]]:
        """Every field that goes back to the caller; None for a value returned directly."""
        found: list[tuple[_Object | None, ir.Field]] = []
        if self.returned is not None:
            found += [(self.returned_object, leaf) for leaf in self.returned.fields]
        for entry in self.entries:
            if isinstance(entry, _Object) and entry.written:
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
            self.returned_object = _Object(function.parameters[0].name, "", self.returned, True)
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
                _Object(name, source, payload(target, self.kept.location), not cpp.constant)
            )
        elif of == "ptr":
            self.add_object(_Object(name, source, payload(cpp, self.kept.location), False))
        elif cpp.kind == "integer" and re.fullmatch(r"i\d+", of):
            self.entries.append(_Number(of, name))
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
        self.entries.append(_Streams(name))
        self.kept.arguments += ports
        self.kept.bindings.append(StreamBinding(ports, _innermost(target).size // 8))
        self.kept.parts[source] = [port.name for port in ports]

    def add_object(self, item: _Object) -> None:
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


# Overlap ----------------------------------------------------------------------------------------


def _check_overlap(
    module: Unoptimised, debug: DebugInfo, signature: _Signature, calls: Sequence[CallSite]
) -> None:
    """Copying in and out is what C++ means only if no result overlaps another argument."""
    objects = signature.objects
    for caller, call in calls:
        for written in objects:
            for other in objects:
                if (
                    written.written
                    and other is not written
                    and _may_overlap(module, debug, caller, call, written, other)
                ):
                    raise HlsError(
                        "overlapping-arguments",
                        f"{signature.kept.name} changes {written.source or 'its result'}, which "
                        f"may be part of {other.source or 'its result'}: pass a local variable and "
                        "copy it afterwards",
                        debug.location(call.debug),
                    )


def _may_overlap(
    module: Unoptimised,
    debug: DebugInfo,
    caller: RawFunction,
    call: Call,
    first: _Object,
    second: _Object,
) -> bool:
    callee = module.functions[call.callee]
    positions = {parameter.name: number for number, parameter in enumerate(callee.parameters)}
    one, two = (
        module.origin(caller, operand_name(call.operands[positions[item.name]]), debug)
        for item in (first, second)
    )
    if "unknown" in (one.kind, two.kind):
        return True
    if one.object != two.object:
        # What an argument points to may be any other argument or a global, but no local variable.
        return "parameter" in (one.kind, two.kind) and "local" not in (one.kind, two.kind)
    if one.offset is None or two.offset is None:
        return True
    one_end = one.offset + first.layout.memory_width // 8
    two_end = two.offset + second.layout.memory_width // 8
    return one.offset < two_end and two.offset < one_end


# Text -------------------------------------------------------------------------------------------


def _wrapper(signature: _Signature, function: RawFunction) -> list[str]:
    """The function under its old name: unpack, call the body, pack."""
    old = ", ".join(f"{parameter.type} {parameter.name}" for parameter in function.parameters)
    returns = function.returns
    lines = [
        f"define internal {returns} @{quoted(function.name)}({old}) alwaysinline {{",
        "entry:",
    ]
    arguments: list[str] = []
    for entry in signature.entries:
        if isinstance(entry, _Number):
            arguments.append(f"{entry.type} {entry.name}")
        elif isinstance(entry, _Streams):
            arguments.append(f"ptr {entry.name}")
        else:
            for leaf in entry.layout.fields:
                name = f"in{len(arguments)}"
                lines += _load(entry.name, leaf, name)
                arguments.append(f"i{leaf.width} %{name}")
    all_results = signature.result_type
    call = f"call {all_results} @{signature.kept.symbol}({', '.join(arguments)})"
    if all_results == "void":
        return [*lines, f"  {call}", "  ret void", "}"]
    lines.append(f"  %all = {call}")
    value = "void"
    for number, (item, leaf) in enumerate(signature.outputs):
        lines.append(f"  %out{number} = extractvalue {all_results} %all, {number}")
        if item is None:
            value = f"{returns} %out{number}"
        else:
            lines += _store(item.name, leaf, f"out{number}", f"out{number}")
    return [*lines, f"  ret {value}", "}"]


def _rewrite_body(signature: _Signature, function: RawFunction) -> None:
    """A new header, memory for the arguments, and all results in every `ret`."""
    parameters, entry_lines = [], []
    if signature.returned_object is not None:
        entry_lines.append(_alloca(signature.returned_object))
    for entry in signature.entries:
        if isinstance(entry, _Number):
            parameters.append(f"{entry.type} {entry.name}")
        elif isinstance(entry, _Streams):
            parameters.append(f"ptr {entry.name}")
        else:
            entry_lines.append(_alloca(entry))
            for leaf in entry.layout.fields:
                value = f"arg{len(parameters)}"
                parameters.append(f"i{leaf.width} %{value}")
                entry_lines += _store(entry.name, leaf, value, value)
    is_module = signature.kept.kind == "module"
    # LLVM inlines only into functions for the same processor, which the attribute group names.
    group = re.search(r" (#\d+)", function.header)
    attributes = f"{group[1]} " if group else ""
    attributes += "willreturn memory(none) " if is_module else ""
    function.header = (
        f"define {'internal' if is_module else 'dso_local'} {signature.result_type} "
        f"@{signature.kept.symbol}({', '.join(parameters)}) noinline nounwind {attributes}"
        f"!dbg !{function.debug} {{"
    )
    position = function.lines.index("entry:") + 1
    function.lines[position:position] = entry_lines
    if is_module:
        function.lines = list(_with_results(signature, function.lines))


def _with_results(signature: _Signature, body: Sequence[str]) -> Iterator[str]:
    """`body` with returns that carry all results."""
    all_results = signature.result_type
    for number, line in enumerate(body):
        match = re.match(r"  ret (?:void|i\d+ ([^\s,]+))(,.*)?$", line)
        if not match:
            yield line
            continue
        previous = "poison"
        for index, (item, leaf) in enumerate(signature.outputs):
            name = f"ret{number}.{index}"
            value = match[1]
            if item is not None:
                yield from _load(item.name, leaf, name)
                value = f"%{name}"
            yield (
                f"  %{name}.all = insertvalue {all_results} {previous}, "
                f"i{leaf.width} {value}, {index}"
            )
            previous = f"%{name}.all"
        yield f"  ret {all_results} {previous}{match[2] or ''}"


def _alloca(item: _Object) -> str:
    return f"  {item.name} = alloca [{item.layout.memory_width // 8} x i8], align 16"


def _load(address: str, leaf: ir.Field, name: str) -> list[str]:
    """Read a field from memory as %name, of its declared width."""
    wide = name if leaf.width == leaf.memory_width else f"{name}.wide"
    lines = [
        f"  %{name}.at = getelementptr i8, ptr {address}, i64 {leaf.offset // 8}",
        f"  %{wide} = load i{leaf.memory_width}, ptr %{name}.at, align 1",
    ]
    if wide != name:
        lines.append(f"  %{name} = trunc i{leaf.memory_width} %{wide} to i{leaf.width}")
    return lines


def _store(address: str, leaf: ir.Field, value: str, prefix: str) -> list[str]:
    """Write %value, of the declared width, to a field in memory; %prefix is free for new names."""
    lines = [f"  %{prefix}.at = getelementptr i8, ptr {address}, i64 {leaf.offset // 8}"]
    if leaf.width != leaf.memory_width:
        extend = "sext" if leaf.signed else "zext"
        lines.append(f"  %{prefix}.wide = {extend} i{leaf.width} %{value} to i{leaf.memory_width}")
        value = f"{prefix}.wide"
    return [*lines, f"  store i{leaf.memory_width} %{value}, ptr %{prefix}.at, align 1"]


def _join(source: str, leaf: ir.Field) -> str:
    """`x` and `[3]` -> `x_3`; `c` and `a.b[1]` -> `c_a_b_1`."""
    return "_".join([*([source] if source else []), *re.findall(r"\w+", leaf.name)])


def is_stream(of: CppType) -> bool:
    """A stream, or an array of streams."""
    return _innermost(of).kind == "stream"


def _innermost(of: CppType) -> CppType:
    while of.kind == "array" and of.element is not None:
        of = of.element
    return of


def _passed_count(caller: RawFunction, operand: str) -> int | None:
    """Length of the array whose address decays into this operand."""
    text = caller.definitions.get(operand_name(operand), "")
    match = re.match(r"getelementptr inbounds \[(\d+) x .*, i64 0, i64 0", text)
    return int(match[1]) if match else None
