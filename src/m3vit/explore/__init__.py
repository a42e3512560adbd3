"""Searching design points: which sizes of the accelerator suit a network and a device."""
