"""Functions that stay functions get values only, before LLVM optimises anything.

A process takes streams by address and numbers by value; a function kept as a module takes and
gives numbers only. What C++ passes by reference, and every field of a struct or array, becomes an
argument of its declared width, a result, or both. The body keeps its text: it finds its arguments
in memory that the new entry fills. Callers keep theirs too: a wrapper of the old name, always
inlined, unpacks and packs. LLVM's passes then remove all of that memory.
"""

import re
from collections.abc import Iterator, Sequence

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from .llvm.debug_info import DebugInfo
from .llvm.unoptimised import Call, RawFunction, Unoptimised, operand_name, quoted
from .signature import CallSite, KeptFunction, Number, Object, Signature, Streams


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
    signature = Signature(debug, function, kind, symbol, calls)
    if kind == "module":
        _check_overlap(module, debug, signature, calls)
    wrapper = _wrapper(signature, function)
    _rewrite_body(signature, function)
    return signature.kept, wrapper


# Overlap ----------------------------------------------------------------------------------------


def _check_overlap(
    module: Unoptimised, debug: DebugInfo, signature: Signature, calls: Sequence[CallSite]
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
    first: Object,
    second: Object,
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


def _wrapper(signature: Signature, function: RawFunction) -> list[str]:
    """The function under its old name: unpack, call the body, pack."""
    old = ", ".join(f"{parameter.type} {parameter.name}" for parameter in function.parameters)
    returns = function.returns
    lines = [
        f"define internal {returns} @{quoted(function.name)}({old}) alwaysinline {{",
        "entry:",
    ]
    arguments: list[str] = []
    for entry in signature.entries:
        if isinstance(entry, Number):
            arguments.append(f"{entry.type} {entry.name}")
        elif isinstance(entry, Streams):
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


def _rewrite_body(signature: Signature, function: RawFunction) -> None:
    """A new header, memory for the arguments, and all results in every `ret`."""
    parameters, entry_lines = [], []
    if signature.returned_object is not None:
        entry_lines.append(_alloca(signature.returned_object))
    for entry in signature.entries:
        if isinstance(entry, Number):
            parameters.append(f"{entry.type} {entry.name}")
        elif isinstance(entry, Streams):
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


def _with_results(signature: Signature, body: Sequence[str]) -> Iterator[str]:
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


def _alloca(item: Object) -> str:
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
