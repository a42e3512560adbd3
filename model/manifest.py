"""Size and SHA-256 of every file of a directory, so that damage is found before it is used."""

import hashlib
import json
from pathlib import Path

from m3vit import __version__
from m3vit.errors import UserError

SCHEMA = 1
MANIFEST_FILE = "manifest.json"


def write_manifest(directory: Path, names: list[str]) -> None:
    """Write `manifest.json` with size and SHA-256 of the named files of a directory."""
    entries = {}
    for name in names:
        content = (directory / name).read_bytes()
        entries[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"schema": SCHEMA, "m3vit": __version__, "files": entries}
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1) + "\n")


def verify_manifest(directory: Path, required: tuple[str, ...]) -> None:
    """Compare the files of a directory with its manifest, which must list the required ones.

    Raises:
        UserError: naming the first file that is missing or differs.
    """
    path = directory / MANIFEST_FILE
    if not directory.is_dir():
        raise UserError(f"{directory} is not a directory: give one that `m3vit quantize` wrote")
    try:
        manifest = json.loads(path.read_bytes())
        schema, entries = manifest["schema"], dict(manifest["files"])
        expected = {name: (entry["bytes"], entry["sha256"]) for name, entry in entries.items()}
    except OSError:
        raise UserError(
            f"{directory} has no {MANIFEST_FILE}: give a directory that `m3vit quantize` wrote"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is damaged ({error}): copy or create the directory again"
        ) from None
    if schema != SCHEMA:
        raise UserError(
            f"{path} is of schema {schema} and this version reads {SCHEMA}: compile the model again"
        )
    for name in required:
        if name not in expected:
            raise UserError(f"{path} does not list {name}: copy or create the directory again")
    for name, (size, digest) in expected.items():
        try:
            content = (directory / name).read_bytes()
        except OSError as error:
            raise UserError(
                f"cannot read {directory / name} ({error.strerror}): copy or create it again"
            ) from None
        if len(content) != size:
            raise UserError(
                f"{directory / name} has {len(content)} bytes and the manifest says {size}: "
                "copy or create it again"
            )
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(f"{directory / name} is damaged (SHA-256): copy or create it again")
