"""Overlays on this machine: found, fetched, checked.

An overlay is m3vit.bit and m3vit.hwh with a manifest.json that tells their SHA-256 and which
hardware they are. Beside a manifest lie the files themselves, or for each a `.link` that PYNQ
understands as well: `{"ZCU104": {"url": ..., "md5sum": ...}}`.
"""

import contextlib
import hashlib
import http.client
import importlib.resources
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from m3vit.errors import UserError
from m3vit.files import atomic_path, default_root, write_atomically
from m3vit.hls import isa
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.vivado.manifest import NAME as MANIFEST
from m3vit.hls.vivado.manifest import File, Manifest
from m3vit.hls.vivado.names import BOARD, OVERLAY, VLNV

BLOCK = 1 << 16
TIMEOUT = 30.0
"""Seconds without a byte after which a download is given up."""

NO_NETWORK = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
"""How a download fails."""

Progress = Callable[[str, int, int], None]
"""Told the name of a file, its bytes so far and in all."""


def fetch(
    source: str | Path,
    design: DesignConfig | None = None,
    *,
    root: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Bring an overlay to where `find` looks; nothing is done for one that is there.

    Args:
        source: name of a design whose overlay has been published, or a directory with a
            manifest.json.
        design: of the sources; by default the shipped one that the manifest names.
        root: of the data, by default `default_root()`.

    Returns:
        m3vit.bit, with m3vit.hwh and manifest.json beside it.

    Raises:
        UserError: there is no such overlay, it is of other hardware than these sources, it cannot
            be downloaded, or a file is not the one of the manifest.
    """
    directory = _directory(source)
    manifest = Manifest.load(directory)
    check_design(manifest, design)
    target = _place(manifest.design, root)
    if not _complete(target, manifest):
        with atomic_path(target) as fresh:
            fresh.mkdir()
            for name, file in manifest.files.items():
                _bring(directory, name, file, fresh, progress or _silent)
            _check_handoff(fresh / f"{OVERLAY}.hwh")
            manifest.write(fresh)
    return target / f"{OVERLAY}.bit"


def find(design: DesignConfig, root: Path | None = None) -> Path:
    """The m3vit.bit of a design that has been fetched or deployed.

    Raises:
        UserError: there is none, or a file is damaged.
    """
    target = _place(design.name, root)
    if not (target / MANIFEST).is_file():
        raise UserError(
            f"no overlay of design '{design.name}' ({design.design_id:#010x}) on this machine: "
            "`m3vit fetch-bitstream` brings one, docs/board-build.md says how to build one"
        )
    manifest = Manifest.load(target)
    check_design(manifest, design)
    if not _complete(target, manifest):
        raise UserError(f"files in {target} differ from their manifest: remove it and fetch again")
    return target / f"{OVERLAY}.bit"


def check_design(manifest: Manifest, design: DesignConfig | None = None) -> None:
    """Compare a manifest with these sources.

    Raises:
        UserError: another design, other sizes, or another version of the instructions.
    """
    if set(manifest.files) != {f"{OVERLAY}.bit", f"{OVERLAY}.hwh"}:
        raise UserError(f"the manifest is not of {OVERLAY}.bit and {OVERLAY}.hwh: build it again")
    if design is None:
        if manifest.design not in design_names():
            raise UserError(
                f"the overlay is of design '{manifest.design}', which does not ship: name its "
                "TOML file with --design"
            )
        design = DesignConfig.load(manifest.design)
    if manifest.design_id != design.design_id:
        raise UserError(
            f"the overlay is of hardware {manifest.design_id:#010x} and design '{design.name}' of "
            f"these sources is {design.design_id:#010x}: use the sources of commit "
            f"{manifest.commit}, or another overlay"
        )
    if manifest.isa_version != isa.VERSION:
        raise UserError(
            f"the overlay has instructions of version {manifest.isa_version} and these sources "
            f"have version {isa.VERSION}: use commit {manifest.commit}, or another overlay"
        )


def write_links(directory: Path, address: str, target: Path) -> list[Path]:
    """Write manifest and `.link` files for an overlay whose files are published below an address.

    Args:
        directory: with the built files. address: URL of the directory that holds them.
        target: for manifest.json and the links.

    Raises:
        UserError: the files are not those of the manifest.
    """
    manifest = Manifest.load(directory)
    if not _complete(directory, manifest):
        raise UserError(f"files in {directory} differ from their manifest: build them again")
    written = [manifest.write(target)]
    for name in manifest.files:
        content = (directory / name).read_bytes()
        link = {"url": f"{address.rstrip('/')}/{name}", "md5sum": hashlib.md5(content).hexdigest()}
        written.append(target / f"{name}.link")
        write_atomically(written[-1], json.dumps({BOARD: link}, indent=2) + "\n")
    return written


def published() -> Path:
    """The directory of manifests and links that comes with the package."""
    return Path(str(importlib.resources.files("m3vit").joinpath("bitstreams")))


def _directory(source: str | Path) -> Path:
    for directory in (Path(source), published() / str(source)):
        if (directory / MANIFEST).is_file():
            return directory
    if Path(source).is_dir() or str(source) not in design_names():
        raise UserError(
            f"{source} is neither a design with a published overlay nor a directory with "
            f"{MANIFEST}: `m3vit build bitstream` makes one"
        )
    raise UserError(
        f"no bitstream of design '{source}' has been published: build one, docs/board-build.md "
        "says how"
    )


def _place(name: str, root: Path | None) -> Path:
    return (root or default_root()) / "bitstreams" / Path(name).name


def _complete(directory: Path, manifest: Manifest) -> bool:
    return all(
        (directory / name).is_file() and File.of(directory / name) == file
        for name, file in manifest.files.items()
    )


def _bring(directory: Path, name: str, file: File, fresh: Path, progress: Progress) -> None:
    """Copy or download one file, and check it."""
    local = directory / name
    try:
        with (
            local.open("rb") if local.is_file() else _opened(directory / f"{name}.link") as source,
            (fresh / name).open("wb") as target,
        ):
            size = 0
            while block := source.read(BLOCK):
                size += len(block)
                if size > file.bytes:
                    break
                target.write(block)
                progress(name, size, file.bytes)
    except NO_NETWORK as error:
        raise UserError(f"cannot download {name} ({error}): check the network") from None
    if File.of(fresh / name) != file:
        raise UserError(
            f"{name} is not the file of the manifest (SHA-256 {file.sha256[:12]}..., "
            f"{file.bytes} bytes): nothing was kept, fetch it again or tell whoever published it"
        )


def _opened(link: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    """The file that a .link points to."""
    try:
        address = json.loads(link.read_text())[BOARD]["url"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{link} tells no address for the {BOARD}: get the file by hand") from None
    if not str(address).startswith(("https://", "http://")):
        raise UserError(f"{link} names {address}, which is no http address: get the file by hand")
    opened: contextlib.AbstractContextManager[IO[bytes]] = urllib.request.urlopen(
        address, timeout=TIMEOUT
    )
    return opened


def _check_handoff(path: Path) -> None:
    """Check that a .hwh describes a design with this engine."""
    if f'VLNV="{VLNV}"'.encode() not in path.read_bytes():
        raise UserError(f"{path.name} describes no engine {VLNV}: it belongs to another overlay")


def _silent(name: str, done: int, total: int) -> None:
    """Show nothing."""
