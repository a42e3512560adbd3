"""The runtime: one `Accelerator` in front of every way to execute a compiled model."""
