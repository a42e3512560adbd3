"""All build scripts in the order in which a build runs them."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine, core_streams
from m3vit.hls.generated import write_headers
from m3vit.hls.kernels import kernel_names, source_of
from m3vit.hls.vitis.core import SCRIPT as CORE_SCRIPT
from m3vit.hls.vitis.core import VitisCore, core_settings, padded
from m3vit.hls.vitis.csynth import SCRIPT as KERNEL_SCRIPT
from m3vit.hls.vitis.csynth import script_environment
from m3vit.hls.vivado.bitstream import FILES, bitstream_settings
from m3vit.hls.vivado.bitstream import SCRIPT as BITSTREAM_SCRIPT
from m3vit.hls.vivado.interface import faults
from m3vit.hls.vivado.package import SCRIPT as PACKAGE_SCRIPT
from m3vit.hls.vivado.package import PackagedEngine, ip_settings
from m3vit.hls.vivado.settings import write_settings

from .block_design import Integrator
from .interpreter import Tool, run
from .packaging import Packager
from .synthesis import VitisHls

REPORTS = ("timing.rpt", "utilisation.rpt")
"""What the manifest is made from, besides the overlay's files."""


@dataclass(frozen=True)
class Finding:
    """One rehearsed step: what it was, what went wrong (None: nothing), commands played."""

    step: str
    fault: str | None
    commands: int


def rehearse(design: DesignConfig) -> Iterator[Finding]:
    """Play every step of a build for a design; nothing is left on disk.

    Raises:
        UserError: Python has no Tcl.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for kernel in kernel_names():
            yield _kernel(kernel, design, directory)
        yield _core(design, directory)
        engine = stand_in_engine(design)
        wrong = "; ".join(faults(engine.ports()))
        yield Finding("ports of m3vit_engine.v", wrong or None, 0)
        yield _package(engine, directory)
        yield _bitstream(engine, directory)


def stand_in_engine(design: DesignConfig) -> Engine:
    """The engine around a core that Vitis HLS would have made, to the letter of its manual."""
    ports = {}
    for name, (direction, width) in core_streams(design).items():
        forward, back = ("input", "output") if direction == "in" else ("output", "input")
        ports[f"{name}_TDATA"] = (forward, padded(width))
        ports[f"{name}_TVALID"] = (forward, 1)
        ports[f"{name}_TREADY"] = (back, 1)
    return Engine(design, VitisCore(design, ports))


def _kernel(kernel: str, design: DesignConfig, directory: Path) -> Finding:
    headers = directory / "include"
    write_headers(design, headers)
    tool = VitisHls()
    with _environment(script_environment(source_of(kernel), design, headers)):
        fault = run(tool, KERNEL_SCRIPT, None)
    if fault is None and tool.done != ["csynth"]:
        fault = "nothing was synthesised"
    return _finding(f"csynth.tcl {kernel}", fault, tool)


def _core(design: DesignConfig, directory: Path) -> Finding:
    tool = VitisHls()
    told = directory / "core.tcl"
    write_settings(told, core_settings(design, directory))
    fault = run(tool, CORE_SCRIPT, told)
    if fault is None and tool.done != ["csynth", "export"]:
        fault = "nothing was exported"
    return _finding("engine_core.tcl", fault, tool)


def _package(engine: Engine, directory: Path) -> Finding:
    files = engine.write(directory / "rtl")
    table = directory / "table.dat"
    table.touch()
    tool = Packager(engine)
    told = directory / "package.tcl"
    write_settings(told, ip_settings(engine, [*files, table], directory, directory / "ip"))
    fault = run(tool, PACKAGE_SCRIPT, told)
    if fault is None and not tool.saved:
        fault = "nothing was saved"
    return _finding("package.tcl", fault, tool)


def _bitstream(engine: Engine, directory: Path) -> Finding:
    packaged = PackagedEngine(engine.design, "open", directory / "ip")
    packaged.directory.mkdir(exist_ok=True)
    tool = Integrator(engine)
    told = directory / "bitstream.tcl"
    write_settings(told, bitstream_settings(packaged, directory, directory / "out", jobs=2))
    fault = run(tool, BITSTREAM_SCRIPT, told)
    missing = sorted({*FILES, *REPORTS} - set(tool.written()))
    if fault is None and missing:
        fault = f"{', '.join(missing)} would not be written"
    return _finding("block_design.tcl, bitstream.tcl", fault, tool)


def _finding(step: str, fault: str | None, tool: Tool) -> Finding:
    return Finding(step, fault, len(tool.calls))


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
