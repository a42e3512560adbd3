"""The kernels in C++, their design points, and the compiler that turns them into SystemVerilog."""
