"""SystemVerilog text of scheduled graphs, one module per process or module function."""

from .function import module_function
from .process import Emitted, process

__all__ = ["Emitted", "module_function", "process"]
