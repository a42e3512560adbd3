"""The engine as IP for Vivado, from either compiler's core."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from m3vit.files import atomic_path
from m3vit.hls import isa
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import TOP, Engine
from m3vit.hls.kernels import compile_kernel
from m3vit.hls.registers import BUS
from m3vit.hls.vitis.core import synthesise_core

from .interface import check_component, faults, register_words
from .names import CONTROL_BYTES, LIBRARY, VENDOR, VERSION
from .settings import Value
from .tools import TCL, find_vivado, run_script

Flow = Literal["open", "vitis"]
"""Which compiler makes the core."""

SCRIPT = TCL / "package.tcl"

_CONTROL_BITS = (("START", 0, "read-write"), ("DONE", 1), ("IDLE", 2), ("DRAINING", 3))
_MASTER_PROPERTIES: tuple[str | int, ...] = (
    *("SUPPORTS_NARROW_BURST", 0),
    *("MAX_BURST_LENGTH", 16),
    *("NUM_READ_OUTSTANDING", 8),
    *("NUM_WRITE_OUTSTANDING", 8),
)


@dataclass(frozen=True)
class PackagedEngine:
    """IP in Vivado's format.

    Attributes:
        design: its sizes.
        flow: who made the core.
        directory: holds component.xml.
        tools: that made the core, and their versions.
    """

    design: DesignConfig
    flow: Flow
    directory: Path
    tools: Mapping[str, str] = field(default_factory=dict)


def build_ip(design: DesignConfig, flow: Flow, directory: Path) -> PackagedEngine:
    """Make the engine's Verilog below `directory` and package it.

    Raises:
        UserError: a tool is missing or has failed, or Vivado has packaged something else.
    """
    vivado = find_vivado()
    core_files: list[Path] = []
    if flow == "vitis":
        core, core_files = synthesise_core(design, directory / "vitis")
        engine, tools = Engine(design, core), {"Vitis HLS": core.version}
    else:
        engine, tools = open_engine(design)
    check_ports(engine)
    files = [*engine.write(directory / "rtl"), *core_files]
    packaged = PackagedEngine(design, flow, (directory / "ip").resolve(), tools)
    with atomic_path(packaged.directory) as fresh:
        run_script(vivado, SCRIPT, ip_settings(engine, files, directory, fresh), directory)
        check_component(fresh / "component.xml", engine)
    return packaged


def open_engine(design: DesignConfig) -> tuple[Engine, dict[str, str]]:
    """The engine by our own compiler, and the tools that it used."""
    core = compile_kernel("engine", design)
    return Engine(design, core), dict(core.report.tools)


def check_ports(engine: Engine) -> None:
    """Check that Vivado will recognise every port.

    Raises:
        ValueError: it will not.
    """
    wrong = list(faults(engine.ports()))
    if wrong:
        raise ValueError(f"ports of {TOP}: {'; '.join(wrong)}")


def ip_settings(
    engine: Engine, files: list[Path], directory: Path, target: Path
) -> dict[str, Value]:
    """What `package.tcl` is told."""
    design = engine.design
    return {
        "part": design.part,
        "files": [path.resolve() for path in files],
        "top": TOP,
        "work": (directory / "package").resolve(),
        "ip": target.resolve(),
        "vendor": VENDOR,
        "library": LIBRARY,
        "version": VERSION,
        "description": (
            f"M3ViT engine, design {design.name} {design.design_id:08x}, "
            f"instructions of version {isa.VERSION}"
        ),
        "control": BUS,
        "range": CONTROL_BYTES,
        "masters": [(name, _MASTER_PROPERTIES) for name in engine.memory_ports()],
        "registers": [
            (name, address, access, meaning, _fields(name, bits, access))
            for name, address, access, meaning, bits in register_words()
        ],
    }


def _fields(name: str, bits: int, access: str) -> list[tuple[str, int, int, str]]:
    if name != "CTRL":
        return [(name, 0, bits, access)]
    return [
        (field, bit, 1, rest[0] if rest else "read-only") for field, bit, *rest in _CONTROL_BITS
    ]
