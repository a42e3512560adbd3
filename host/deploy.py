"""Copying an overlay and the package to a board."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import m3vit.hls
from m3vit.errors import UserError
from m3vit.hls.vivado.manifest import NAME as MANIFEST
from m3vit.hls.vivado.manifest import Manifest

from .bitstreams import check_design

FOLDER = "m3vit"
"""Below the home directory of the board's user."""


def deploy(host: str, overlay: Path, wheel: Path | None = None, user: str = "xilinx") -> list[str]:
    """Copy an overlay and a wheel to a board by rsync, or by scp.

    Args:
        host: name or address. overlay: a directory with manifest.json.
        wheel: by default one is made from these sources.

    Returns:
        Commands to type on the board.

    Raises:
        UserError: no overlay, no such board, or copying failed.
    """
    if not (overlay / MANIFEST).is_file():
        raise UserError(f"there is no overlay in {overlay}: make it with `make bitstream`")
    manifest = Manifest.load(overlay)
    check_design(manifest)
    files = [overlay / name for name in (MANIFEST, *manifest.files)]
    for path in files:
        if not path.is_file():
            raise UserError(f"{path} is missing: make the overlay with `make bitstream`")
    board = f"{user}@{host}" if user else host
    with tempfile.TemporaryDirectory() as name:
        package = wheel or build_wheel(Path(name))
        _copy([*files, package], board)
    # A login shell has PYNQ's environment, and root's home is where the board's Jupyter looks.
    return [
        f"ssh {board}",
        f'sudo -i python3 -m pip install "$PWD"/{FOLDER}/{package.name}',
        f'sudo -i m3vit fetch-bitstream "$PWD"/{FOLDER}',
    ]


def build_wheel(directory: Path) -> Path:
    """Make a wheel of these sources.

    Raises:
        UserError: they are not here, only an installed package is; or pip failed.
    """
    sources = Path(m3vit.hls.__file__).resolve().parents[1]
    if not (sources / "pyproject.toml").is_file():
        raise UserError("the package's sources are not here: name a wheel with --wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--wheel-dir", str(directory), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    made = list(directory.glob("*.whl"))
    if done.returncode != 0 or len(made) != 1:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise UserError(f"no wheel could be made ({reason}): name one with --wheel")
    return made[0]


def _copy(files: list[Path], board: str) -> None:
    if board.startswith("-"):
        raise UserError(f"{board} is no name of a board: give user and host, or the host alone")
    copy = ["rsync", "--archive", "--partial"] if shutil.which("rsync") else ["scp", "-q", "-p"]
    _run(["ssh", board, "mkdir", "-p", FOLDER], board)
    _run([*copy, *map(str, files), f"{board}:{FOLDER}/"], board)


def _run(command: list[str], board: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError(f"copying to the board needs {command[0]}: install it") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(
            f"{command[0]} to {board} failed ({reason}): check that `ssh {board}` works and that "
            "its disk has room"
        )
