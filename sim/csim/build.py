"""Compiles a kernel with g++ into a shared library, kept in the user's cache.

A library is named after everything that decides its content: the sources it includes, the
design's sizes, the flags and the compiler. So it is compiled once and never stale.
"""

import functools
import hashlib
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from m3vit.errors import UserError
from m3vit.files import atomic_path, default_root, keep_newest
from m3vit.hls.compiler.vendor_headers import vendor_directory
from m3vit.hls.design import DesignConfig
from m3vit.hls.kernels import HLS, include_directories

FLAGS = (
    "-std=c++20",  # the adapter's; kernels are C++17
    "-O2",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",  # libraries of several designs live in one process
    "-fno-gnu-unique",
    "-w",  # a failure shows errors alone; a test compiles all kernels with warnings
)
KEPT_LIBRARIES = 1000
"""Those unused for longest make room for new ones."""

_log = logging.getLogger(__name__)


def stream_names(source: Path) -> list[str]:
    """Names of the streams of `<kernel>_top`, the function that `<kernel>_top.cpp` defines."""
    top = source.stem
    found = re.search(rf"\bvoid\s+{top}\s*\(([^)]*)\)", source.read_text())
    if found is None:
        raise ValueError(f"{source} defines no 'void {top}(...)'")
    names = re.findall(r"&\s*(\w+)\s*(?:,|$)", found[1].strip())
    if not names:
        raise ValueError(f"{top} of {source} has no streams")
    return names


def library(source: Path, design: DesignConfig, threads: bool = False) -> Path:
    """The shared library of a kernel for a design, compiled now if it is not in the cache.

    Args:
        source: `<kernel>_top.cpp`.
        design: what `m3vit/config.hpp` says.
        threads: for a threaded simulation (see hls/csim/network.hpp).

    Raises:
        UserError: no g++ that can compile it, or no ap_types headers.
    """
    compiler, version = _compiler()
    flags = (*FLAGS, "-DM3VIT_THREADS", "-pthread") if threads else FLAGS
    search = [HLS / "csim", *include_directories(design)]
    digest = hashlib.sha256(repr((version, flags, _ap_types_digest())).encode())
    for path in _included([HLS / "csim" / "adapter.hpp", source], search):
        digest.update(path.read_bytes() + b"\0")
    mode = "-threads" if threads else ""
    name = f"{source.stem}-{design.name}{mode}-{digest.hexdigest()[:16]}.so"
    target = default_root() / "csim" / name
    if target.exists():
        target.touch()
        return target
    _log.warning("compiling %s for the design %s", source.name, design.name)
    includes = [f"-I{path}" for path in search]
    _compile([compiler, *flags, *includes, "-isystem", str(vendor_directory())], source, target)
    keep_newest(target.parent.glob("*.so"), KEPT_LIBRARIES)
    return target


def _compile(command: list[str], source: Path, target: Path) -> None:
    names = ", ".join(f'"{name}"' for name in stream_names(source))
    unit = (
        f'#include "{source.resolve()}"\n#include "adapter.hpp"\n'
        f"M3VIT_CSIM_KERNEL({source.stem}, {names})\n"
    )
    with atomic_path(target) as fresh:
        done = subprocess.run(
            [*command, "-x", "c++", "-", "-o", str(fresh)],
            input=unit,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"g++ does not compile {source}:\n{done.stderr}")


def _included(roots: list[Path], search: list[Path]) -> Iterator[Path]:
    """`roots` and every file of ours that they include."""
    waiting, seen = [*roots], set(roots)
    while waiting:
        path = waiting.pop(0)
        yield path
        for name in re.findall(r'^[ \t]*#include ["<]([^">]+)[">]', path.read_text(), re.MULTILINE):
            for directory in (path.parent, *search):
                found = directory / name
                if found.is_file() and found not in seen:
                    seen.add(found)
                    waiting.append(found)
                    break


@functools.cache
def _compiler() -> tuple[str, str]:
    """A C++ compiler, and text that identifies it."""
    name = os.environ.get("CXX", "g++")
    remedy = (
        "install one (Debian and Ubuntu: apt install g++) or name another compiler in the "
        "environment variable CXX"
    )
    if shutil.which(name) is None:
        raise UserError(f"the C simulation compiles the kernels with '{name}', not found: {remedy}")
    probe = subprocess.run(
        [name, "-std=c++20", "-x", "c++", "-fsyntax-only", "-"],
        input="static_assert(requires { int{}; });",
        text=True,
        capture_output=True,
        check=False,
    )
    if probe.returncode != 0:
        raise UserError(f"'{name}' is too old for C++20, which g++ knows from 11 on: {remedy}")
    text = subprocess.run([name, "--version"], text=True, capture_output=True, check=True).stdout
    return name, text


@functools.cache
def _ap_types_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(vendor_directory().glob("*.h")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
