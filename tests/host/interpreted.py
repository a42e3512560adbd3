"""A port to an engine whose programs are executed by the instruction set's definition."""

import numpy as np

from m3vit.hls import isa
from m3vit.hls.isa import LINE_BYTES
from m3vit.hls.registers import DONE, IDLE, REGISTERS, START
from m3vit.sim.engine.interpreter import ProgramStopError, execute

CYCLES = (3 << 32) + 5  # that every program takes


class InterpretedEngine:
    """A port to an engine of a design."""

    arena_address = 0x12_3456_7840

    def __init__(self, design, arena_bytes, version=isa.VERSION, ends=True):
        self.design, self.ends = design, ends
        self.arena_bytes = arena_bytes
        self.arena = np.full(arena_bytes, 0xA5, np.uint8)
        self.words = {
            offset: 0 for register in REGISTERS.values() for offset, *_ in register.words()
        }
        self.words[REGISTERS["DESIGN_ID"].offset] = design.design_id
        self.words[REGISTERS["VERSION"].offset] = version
        self.words[REGISTERS["CTRL"].offset] = IDLE
        self.written = 0

    def read_register(self, offset):
        return self.words[offset]

    def write_register(self, offset, value):
        assert 0 <= value < 1 << 32
        if offset != REGISTERS["CTRL"].offset:
            self.words[offset] = value
        elif value & START and self.ends:
            self.start()

    def start(self):
        status = 0
        lines = self.words[REGISTERS["ARENA_LINES"].offset]
        try:
            execute(
                self.design,
                self.arena[: lines * LINE_BYTES],
                self.words[REGISTERS["PROGRAM"].offset],
                self.words[REGISTERS["INSTRUCTIONS"].offset],
            )
        except ProgramStopError as error:
            status = error.code | error.position << 8
        self.words[REGISTERS["STATUS"].offset] = status
        self.words[REGISTERS["CYCLES"].offset] = CYCLES & 0xFFFFFFFF
        self.words[REGISTERS["CYCLES"].offset + 4] = CYCLES >> 32
        self.words[REGISTERS["CTRL"].offset] = IDLE | DONE

    def read(self, offset, count):
        assert offset + count <= self.arena_bytes
        return self.arena[offset : offset + count].tobytes()

    def write(self, offset, content):
        self.arena[offset : offset + len(content)] = np.frombuffer(content, np.uint8)
        self.written += len(content)
