"""Finding the vendor's programs and running a Tcl script with them."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import m3vit.hls
from m3vit.errors import UserError

from .names import VERSIONS
from .settings import VARIABLE, Value, write_settings

TCL = Path(m3vit.hls.__file__).parent.resolve() / "tcl"


def find_vivado() -> tuple[str, ...]:
    """The command that runs a Tcl script with Vivado.

    Raises:
        UserError: it is not on the PATH.
    """
    found = shutil.which("vivado")
    if found is None:
        raise UserError(
            f"this needs Vivado {' or '.join(VERSIONS)} on the PATH: source its settings64.sh "
            "first; `m3vit build --dry-run` checks the scripts without it"
        )
    return (found, "-mode", "batch", "-nojournal", "-nolog", "-notrace", "-source")


def run_script(
    command: Sequence[str], script: Path, settings: Mapping[str, Value], directory: Path
) -> None:
    """Run a script of `hls/tcl` inside `directory`; all it says goes to a log there.

    Raises:
        UserError: it failed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    told = directory / f"{script.stem}.settings.tcl"
    write_settings(told, settings)
    log = directory / f"{script.stem}.log"
    with log.open("w") as stream:
        done = subprocess.run(
            [*command, str(script)],
            cwd=directory,
            env={**os.environ, VARIABLE: str(told.resolve())},
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode != 0:
        raise UserError(f"{script.name} failed: {log} says why")
