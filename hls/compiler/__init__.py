"""From Vitis-style C++ to SystemVerilog, with tools that pip installs."""

from .diagnostics import HlsError
from .driver import Design, compile_source

__all__ = ["Design", "HlsError", "compile_source"]
