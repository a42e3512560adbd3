"""From Vitis-style C++ to SystemVerilog, with tools that pip installs."""
