"""The C++ headers that a design's build directory holds: sizes, look-up tables, instructions."""

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
    headers = {
        "config.hpp": design.config_header(),
        "tables.hpp": tables_header(),
        "isa.hpp": isa_header(),
    }
    for name, text in headers.items():
        path = Path(directory) / "m3vit" / name
        if not path.is_file() or path.read_text() != text:
            write_atomically(path, text)
