"""The whole compiler in one call: a C++ file becomes SystemVerilog modules and a report."""

import contextlib
import hashlib
import importlib.metadata
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from m3vit.errors import UserError
from m3vit.files import atomic_path, default_root, keep_newest, write_atomically

from . import axilite, build, emit, front_end, graph, interface, ir, network, report, toolchain
from .diagnostics import HlsError
from .interface import Control, Interface, Stream
from .library import RTL_LIBRARY, needed
from .report import DesignReport, ModuleReport
from .schedule import schedule_function, schedule_process
from .timing import Clock

REPORT = "report.json"
"""File beside the SystemVerilog of a design."""

CACHED_DESIGNS = 1000
"""Compiled designs kept; the ones unused for longest make room for new ones."""


@dataclass(frozen=True)
class Design:
    """A compiled design.

    Attributes:
        interface: of its top module.
        modules: name -> SystemVerilog, callees first, the top module last.
        registers: arguments behind AXI4-Lite, in order; their addresses are in bytes.
        report: what it costs, per module.
    """

    interface: Interface
    modules: Mapping[str, str]
    registers: tuple[axilite.Register, ...]
    report: DesignReport

    @property
    def top(self) -> str:
        """Name of the top module."""
        return self.interface.name

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Its streams, with direction and `ir.Payload`."""
        return self.interface.streams

    @property
    def scalars(self) -> tuple[ir.Scalar, ...]:
        """Numbers that are input ports."""
        return self.interface.scalars

    @property
    def control(self) -> Control:
        """How it is started: "free-running", "ap_ctrl_hs" or "axilite"."""
        return self.interface.control

    def texts(self) -> dict[str, str]:
        """File name -> SystemVerilog of everything it needs, in an order that tools accept."""
        library = needed(self.modules.values())
        return {
            **{f"{name}.sv": path.read_text() for name, path in library.items()},
            **{f"{name}.sv": text for name, text in self.modules.items()},
        }

    def write(self, directory: str | Path) -> list[Path]:
        """Put all files and `report.json` into `directory`, in place of an earlier design.

        Returns:
            The SystemVerilog files, in an order that tools accept.

        Raises:
            UserError: something else is in the directory.
        """
        target = Path(directory)
        for path in sorted(target.iterdir()) if target.is_dir() else ():
            if path.suffix != ".sv" and path.name != REPORT:
                raise UserError(
                    f"{target} holds {path.name}, which is no part of a design: choose another "
                    "directory"
                )
        texts = self.texts()
        with atomic_path(target) as fresh:
            fresh.mkdir()
            for name, text in texts.items():
                (fresh / name).write_text(text)
            (fresh / REPORT).write_text(json.dumps(self.report.as_dict(), indent=1) + "\n")
        return [target / name for name in texts]


def compile_source(
    path: Path,
    top: str,
    *,
    defines: Mapping[str, str] | None = None,
    include: Sequence[Path] = (),
    clock_ns: float = 3.333,
    keep: bool = True,
) -> Design:
    """Compile a function of a C++ file; a second call with nothing changed takes it from the cache.

    Args:
        path: the file. top: name of the function, without namespaces.
        defines: macros. include: directories with headers.
        clock_ns: target period.
        keep: use the cache; False for what will not be compiled again.

    Raises:
        HlsError: C++ that has no hardware here, with file, line and rule.
        UserError: missing tools or files.
    """
    clock = Clock(clock_ns)
    cached = None
    if keep:
        text = front_end.preprocess(path, defines, include)
        key = _digest(repr((str(path), top, clock, _tools())), text, _own_digest())
        cached = default_root() / "hls-designs" / f"{top}-{key}.pickle"
        with contextlib.suppress(FileNotFoundError):
            found: Design = pickle.loads(cached.read_bytes())
            cached.touch()
            return found
    design = _Compilation(front_end.read(path, top, defines, include), clock).run(str(path))
    if cached is not None:
        write_atomically(cached, pickle.dumps(design))
        keep_newest(cached.parent.glob("*.pickle"), CACHED_DESIGNS)
    return design


class _Compilation:
    """From the IR of a translation unit to modules and their reports, callees first."""

    def __init__(self, module: ir.Module, clock: Clock) -> None:
        self.module = module
        self.clock = clock
        self.functions: dict[str, graph.ModuleFunction] = {}
        self.interfaces: dict[str, Interface] = {}
        self.texts: dict[str, str] = {}
        self.reports: list[ModuleReport] = []

    def run(self, source: str) -> Design:
        for function in self.module.functions.values():
            _check_name(function.name, function.location)
            if function.kind == "module":
                self.module_function(function)
            else:
                self.process(function)
        for part in self.module.networks.values():
            _check_name(part.name, part.location)
            self.network(part)
        top, registers = self.wrapped(self.module.top)
        about = DesignReport(
            source,
            self.module.top,
            self.clock.period_ns,
            round(self.clock.budget, 3),
            _tools(),
            tuple(self.reports),
        )
        return Design(top, self.texts, registers, about)

    def module_function(self, function: ir.Function) -> None:
        made = build.module_function(function, self.module, self.functions)
        schedule_function(made, self.functions, self.clock)
        self.functions[function.name] = made
        emitted = emit.module_function(made, self.functions)
        self.texts[function.name] = emitted.text
        self.reports.append(report.of_module(function.name, "function", emitted.statistics, {}))

    def process(self, function: ir.Function) -> None:
        made = build.process(function, self.module, self.functions)
        schedule_process(made, self.functions, self.clock)
        emitted = emit.process(made, self.functions)
        outside = interface.of_process(made, emitted.statistics.queues)
        self.interfaces[function.name] = outside
        self.texts[function.name] = emitted.text
        widths = {stream.name: stream.width for stream in outside.streams}
        self.reports.append(report.of_module(function.name, "process", emitted.statistics, widths))

    def network(self, part: ir.Network) -> None:
        self.texts[part.name] = network.emit(part, self.interfaces)
        depths = network.queues(part, self.interfaces)
        widths = {channel.name: channel.payload.width for channel in part.channels}
        self.reports.append(
            report.of_network(part, {name: (widths[name], words) for name, words in depths.items()})
        )
        self.interfaces[part.name] = network.interface(part, self.interfaces)

    def wrapped(self, name: str) -> tuple[Interface, tuple[axilite.Register, ...]]:
        """The top module: the function asked for, behind registers where it has an s_axilite."""
        core = self.interfaces[name]
        source = self.module.networks.get(name) or self.module.functions[name]
        if not source.axilite:
            return core, ()
        outside = axilite.interface(core, source.axilite)
        self.texts[outside.name] = axilite.emit(core, source.axilite)
        return outside, tuple(axilite.registers(core.scalars, source.axilite))


def _check_name(name: str, location: ir.Location | None) -> None:
    if name in RTL_LIBRARY:
        raise HlsError(
            "function-name",
            f"`{name}` is the name of a module that every design may contain: rename the function",
            location,
        )


# The cache ----------------------------------------------------------------------------------------


def _tools() -> dict[str, str]:
    return {"m3vit": importlib.metadata.version("m3vit"), **toolchain.versions()}


def _digest(*parts: str) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part.encode() + b"\0")
    return hasher.hexdigest()[:24]


def _own_digest() -> str:
    """Of the compiler itself and its RTL."""
    home = Path(__file__).parent
    files = sorted([*home.rglob("*.py"), *home.glob("headers/**/*.h"), *RTL_LIBRARY.values()])
    return _digest(*(f"{path.name}\n{path.read_text()}" for path in files))
