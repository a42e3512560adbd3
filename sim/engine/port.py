"""The driver's way to a simulated engine."""

from m3vit.hls.registers import DONE, IDLE, REGISTERS

from .library import EngineLibrary

_PATIENCE = 4096  # cycles between two looks of the driver at CTRL


class SimulatedPort:
    """Access to a simulated engine; its whole memory is the arena.

    Time passes when registers are accessed. Whoever reads CTRL waits for the end of a program: some
    thousand cycles pass each time, or as many as the program still takes.
    """

    def __init__(self, library: EngineLibrary) -> None:
        self.library = library

    @property
    def arena_address(self) -> int:
        """Of the arena's first byte."""
        return self.library.options.memory.base

    @property
    def arena_bytes(self) -> int:
        """Size of the arena."""
        return self.library.options.memory.size

    def read_register(self, offset: int) -> int:
        """The 32 bits at a byte address."""
        value = self.library.read_register(offset)
        if offset == REGISTERS["CTRL"].offset and not value & (DONE | IDLE):
            self.library.run_until_done(_PATIENCE)
            value = self.library.read_register(offset)
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set the 32 bits at a byte address."""
        self.library.write_register(offset, value)

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the arena."""
        return self.library.memory[offset : offset + count].tobytes()

    def write(self, offset: int, content: bytes) -> None:
        """Put bytes into the arena."""
        self.library.memory[offset : offset + len(content)] = memoryview(content)
