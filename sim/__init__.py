"""Running the kernels without a board: natively in C++, and as RTL in Verilator."""
