"""M³ViT on an FPGA: the network, its integer definition and the runtime that executes it."""

__version__ = "0.1.0"
