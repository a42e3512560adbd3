"""What is known about a built overlay: the file manifest.json beside its .bit and .hwh."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.files import write_atomically

from .reports import Resource, Timing

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class File:
    """One file of an overlay: its SHA-256 in hexadecimal, and its size."""

    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> "File":
        """What a file on disk is."""
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return cls(digest.hexdigest(), path.stat().st_size)


@dataclass(frozen=True)
class Manifest:
    """An overlay that somebody has built.

    Attributes:
        board, part: what it is for.
        design, design_id: the hardware's sizes; the number is what its register DESIGN_ID says.
        isa_version: of instructions and registers.
        core: compiler of the core, "open" or "vitis".
        clock_mhz: that timing was closed for.
        commit: of the sources, with "-dirty" if files had been changed.
        tools: vendor's programs and their versions.
        timing, utilisation: from Vivado's reports of the routed design.
        files: name -> file.
    """

    board: str
    part: str
    design: str
    design_id: int
    isa_version: int
    core: str
    clock_mhz: float
    commit: str
    tools: Mapping[str, str]
    timing: Timing
    utilisation: Mapping[str, Resource]
    files: Mapping[str, File]

    def write(self, directory: Path) -> Path:
        """Write manifest.json."""
        path = directory / NAME
        write_atomically(path, json.dumps(self.as_dict(), indent=2) + "\n")
        return path

    def as_dict(self) -> dict[str, Any]:
        """The content of manifest.json; bitstreams/schema.json describes it."""
        design_id = f"0x{self.design_id:08x}"
        return {"format": FORMAT, **dataclasses.asdict(self), "design_id": design_id}

    @classmethod
    def load(cls, directory: Path) -> "Manifest":
        """Read the manifest.json of a directory.

        Raises:
            UserError: there is none, or it is not a correct one.
        """
        path = directory / NAME
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {path} ({error}): build or fetch the overlay") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise UserError(f"{path} is no manifest of format {FORMAT}: update m3vit")
        del content["format"]
        try:
            return cls(
                **{
                    **content,
                    "design_id": int(content["design_id"], 16),
                    "timing": Timing(**content["timing"]),
                    "utilisation": _each(content["utilisation"], Resource),
                    "files": _each(content["files"], File),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path} is not a correct manifest ({error}): build it again") from None


def _each(entries: Mapping[str, Mapping[str, Any]], kind: Any) -> dict[str, Any]:
    return {name: kind(**values) for name, values in entries.items()}
