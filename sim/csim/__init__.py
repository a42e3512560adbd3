"""The kernels as native code: compiled with g++, called on NumPy arrays."""
