"""Proof of the compiler: random kernels, and faults planted in generated RTL."""
