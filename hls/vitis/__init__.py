"""The vendor's way to the board: Vitis HLS on the same kernels, where it is installed."""
