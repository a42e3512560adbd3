"""The C++ headers that a design's build directory holds: sizes, look-up tables, instructions."""

import hashlib
from pathlib import Path

from m3vit.files import write_atomically

from .design import DesignConfig
from .isa_header import isa_header
from .tables import tables_header


def write_headers(design: DesignConfig, directory: str | Path) -> None:
    """Write `m3vit/config.hpp`, `m3vit/tables.hpp` and `m3vit/isa.hpp` below `directory`.

    Put `directory` on the include path beside `hls/include`. A file that already reads as it
    should keeps its date.
    """
    for name, text in _headers(design).items():
        path = Path(directory) / "m3vit" / name
        if not path.is_file() or path.read_text() != text:
            write_atomically(path, text)


def headers_digest(design: DesignConfig) -> str:
    """Names what `write_headers` writes: another text has another digest."""
    texts = _headers(design).values()
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _headers(design: DesignConfig) -> dict[str, str]:
    """File name -> text."""
    return {
        "config.hpp": design.config_header(),
        "tables.hpp": tables_header(),
        "isa.hpp": isa_header(),
    }
