"""From the engine's sources to a bitstream with Vivado: packaging, block design, reports."""
