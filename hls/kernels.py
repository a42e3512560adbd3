"""The kernels that ship: their names, their sources, and their hardware for a design."""

from pathlib import Path
from typing import TYPE_CHECKING

from m3vit.errors import UserError
from m3vit.files import default_root

if TYPE_CHECKING:
    from .compiler import Design
    from .design import DesignConfig

HLS = Path(__file__).parent
_TOP = "_top.cpp"


def kernel_names() -> list[str]:
    """Every kernel: `hls/src/<kernel>_top.cpp` instantiates it for a design."""
    return sorted(path.name.removesuffix(_TOP) for path in HLS.glob(f"src/*{_TOP}"))


def source_of(kernel: str) -> Path:
    """The file with a kernel's top function, which is called as the file is.

    Raises:
        UserError: there is no such kernel.
    """
    path = HLS / "src" / f"{kernel}{_TOP}"
    if not path.is_file():
        raise UserError(f"there is no kernel '{kernel}': give one of {', '.join(kernel_names())}")
    return path


def include_directories(design: "DesignConfig") -> list[Path]:
    """Where `m3vit/*.hpp` are: the kernels, and the headers that are generated for a design."""
    from .generated import headers_digest, write_headers

    # Other versions of the package may be at work: none changes what this one reads.
    generated = default_root() / "hls-include" / f"{design.name}-{headers_digest(design)}"
    write_headers(design, generated)
    return [generated, HLS / "include"]


def compile_kernel(kernel: str, design: "DesignConfig") -> "Design":
    """A kernel as SystemVerilog at the clock of a design.

    Raises:
        UserError: there is no such kernel, or a tool is missing.
    """
    from .compiler import compile_source

    source = source_of(kernel)
    return compile_source(
        source,
        source.stem,
        include=include_directories(design),
        clock_ns=1000 / design.clock_mhz,
    )
