"""Optimised LLVM IR as `ir.Module`: typed, named, located, and nothing in it that is not known."""

import re
from collections.abc import Iterator, Mapping

from m3vit.hls.compiler import ir
from m3vit.hls.compiler.diagnostics import HlsError

from . import loops, operations, pruning
from .annotations import Annotations, interface_modes
from .functions import FunctionReader, ReadFunction
from .llvm import parser, syntax
from .llvm.debug_info import DebugInfo
from .llvm.line import ParseError
from .networks import NetworkReader
from .places import shorten
from .signature import KeptFunction
from .source import Source
from .storage import StorageReader


def lower(
    text: str, kept: Mapping[str, KeptFunction], notes: Annotations, scanned: Source
) -> ir.Module:
    """Read what opt wrote.

    Args:
        kept: the functions, by symbol, callees first; the last one is the top function.
        notes: pragmas. scanned: the source.

    Raises:
        HlsError: an operation or a use of memory that has no hardware.
    """
    try:
        module = parser.parse(text)
    except ParseError as error:
        raise _unknown(str(error), text, scanned) from None
    return _Lowering(module, kept, notes, scanned).run()


class _Lowering:
    def __init__(
        self,
        module: syntax.Module,
        kept: Mapping[str, KeptFunction],
        notes: Annotations,
        scanned: Source,
    ) -> None:
        self.module = module
        self.kept = kept
        self.notes = notes
        self.source = scanned
        self.debug = DebugInfo(module.metadata, shorten, scanned.files.__contains__)
        self.storage = StorageReader(module, self.debug, notes)
        self.names = _names(kept)
        self.read: dict[str, ReadFunction] = {}
        self.networks: dict[str, ir.Network] = {}

    def run(self) -> ir.Module:
        top = ""
        for symbol, kept in self.kept.items():
            if symbol not in self.module.functions:
                continue  # no caller is left
            top = self.names[symbol]
            if kept.kind == "network":
                self.networks[top] = self.network(symbol)
            else:
                self.read[top] = self.function(symbol)
        operations.bind(self.read.values(), self.notes, self.source)
        functions = {name: read.function for name, read in self.read.items()}
        pruning.drop_unused(functions)
        self.run_freely(top)
        self.check_state()
        return ir.Module(top, functions, self.networks, self.memories())

    def function(self, symbol: str) -> ReadFunction:
        kept = self.kept[symbol]
        body = self.module.functions[symbol]
        read = FunctionReader(body, kept, self.debug, self.storage, self.names).run()
        places = {
            block.name: self.debug.loop_location(block.instructions[-1].loop)
            for block in body.blocks
            if block.instructions[-1].loop >= 0
        }
        loops.check(read.function, places, self.source)
        function = read.function
        function.free_running, function.axilite = self.interface(kept)
        return read

    def network(self, symbol: str) -> ir.Network:
        body = self.module.functions[symbol]
        network = NetworkReader(body, symbol, self.kept, self.debug, self.notes, self.names).run()
        network.free_running, network.axilite = self.interface(self.kept[symbol])
        return network

    def interface(self, kept: KeptFunction) -> tuple[bool, frozenset[str]]:
        """(runs without ap_start, names on AXI4-Lite) from a function's INTERFACE pragmas."""
        about = self.notes.of(kept.mangled).interfaces
        modes = interface_modes(about)
        streams = {arg.name for arg in kept.arguments if isinstance(arg, ir.StreamPort)}
        scalars = {arg.name for arg in kept.arguments} - streams
        axilite: set[str] = set()
        for pragma in about:
            port, mode = pragma["port"], modes[pragma["port"]]
            own = {port} if port in scalars | streams else {*kept.parts.get(port, ())}
            allowed: tuple[str, ...] = ("ap_none", "ap_stable", "s_axilite")
            if port == "return":
                own, allowed = {port}, ("ap_ctrl_none", "ap_ctrl_hs", "s_axilite")
            elif own & streams:
                allowed = ("axis",)
            if not own:
                raise HlsError("interface", f"{kept.name} has no argument {port}", pragma.location)
            if mode not in allowed:
                raise HlsError(
                    "interface",
                    f"port {port} cannot be {mode}: it can be {' or '.join(allowed)}",
                    pragma.location,
                )
            if mode == "s_axilite":
                axilite |= own
        return modes.get("return") == "ap_ctrl_none", frozenset(axilite)

    def run_freely(self, top: str) -> None:
        """Everything inside a free-running network runs freely too."""
        pending = [top]
        while pending:
            network = self.networks.get(pending.pop())
            if network is None or not network.free_running:
                continue
            for instance in network.instances:
                if instance.function in self.networks:
                    self.networks[instance.function].free_running = True
                    pending.append(instance.function)
                else:
                    self.read[instance.function].function.free_running = True

    def check_state(self) -> None:
        """A variable that lives on belongs to one process, and that process exists once."""
        users: dict[str, str] = {}
        instances: dict[str, int] = {}
        for network in self.networks.values():
            for instance in network.instances:
                instances[instance.function] = instances.get(instance.function, 0) + 1
        for name, read in self.read.items():
            for item in sorted(read.globals):
                memory = self.storage.global_(item)
                if memory.constant:
                    continue
                if read.function.kind == "module":
                    raise HlsError(
                        "module-state",
                        f"{name} has INLINE off and uses the variable {memory.name}: pass it as an "
                        "argument, or drop INLINE off",
                        memory.location,
                    )
                if users.setdefault(item, name) != name or instances.get(name, 0) > 1:
                    raise HlsError(
                        "shared-state",
                        f"{memory.name} is used by two processes ({users[item]}, {name}): give "
                        "each its own, and connect them by a stream",
                        memory.location,
                    )

    def memories(self) -> dict[str, ir.Memory]:
        """Global memories that are used, with names of their own."""
        used = dict.fromkeys(item for read in self.read.values() for item in sorted(read.globals))
        memories: dict[str, ir.Memory] = {}
        taken: set[str] = set()
        for item in used:
            memory = self.storage.global_(item)
            base, count = memory.name, 1
            while memory.name in taken:
                count += 1
                memory.name = f"{base}_{count}"
            taken.add(memory.name)
            memories[item] = memory
        return memories


def _names(kept: Mapping[str, KeptFunction]) -> dict[str, str]:
    """Symbol -> readable, unique name."""
    names: dict[str, str] = {}
    for symbol, function in kept.items():
        name, count = function.name, 1
        while name in names.values():
            count += 1
            name = f"{function.name}_{count}"
        names[symbol] = name
    return names


def _unknown(line: str, text: str, scanned: Source) -> HlsError:
    """Why the parser stopped at a line."""
    metadata = "\n".join(_metadata(text))
    debug = DebugInfo(parser.parse(metadata).metadata, shorten, scanned.files.__contains__)
    match = re.search(r"!dbg !(\d+)", line)
    location = debug.location(int(match[1])) if match else None
    if re.search(r"\b(float|double|half|x86_fp80)\b", line):
        return HlsError(
            "floating-point",
            "floating point has no hardware here: use ap_fixed, or compute constants at compile "
            "time",
            location,
        )
    if re.search(r"\bcall\b[^@]*%", line):
        return HlsError(
            "function-pointer",
            "a function is called through a pointer: call it by name, or use a template parameter",
            location,
        )
    return HlsError(
        "unsupported-operation", f"LLVM made '{line}', which has no hardware here", location
    )


def _metadata(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if line.startswith("!"))
