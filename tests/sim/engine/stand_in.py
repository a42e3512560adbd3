"""The engine around a core that copies memory (engine_top.cpp), and programs for it."""

from functools import cache
from pathlib import Path

import numpy as np

from m3vit.hls.compiler import compile_source
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.hls.kernels import include_directories
from m3vit.hls.registers import REGISTERS, START
from m3vit.sim.engine.library import EngineLibrary, Memory, Options

SIZE = 1 << 22
LINES = SIZE // 64
PROGRAM = 5  # line


@cache
def engine(name):
    design = DesignConfig.load(name)
    core = compile_source(
        Path(__file__).with_name("engine_top.cpp"),
        "engine_top",
        include=include_directories(design),
        clock_ns=1000 / design.clock_mhz,
    )
    return Engine(design, core)


def instruction(opcode, **fields):
    places = {"code": 4, "source": 4, "lines": 30, "weights": 50, "target": 128}
    value = opcode + sum(number << places[name] for name, number in fields.items())
    return value.to_bytes(32, "little")


BEGIN, END = instruction(1), instruction(2)
HANG = instruction(13)


def copy(source, lines, target, weights=0):
    return instruction(12, source=source, lines=lines, target=target, weights=weights)


def drop(source, lines):
    """Reads so many lines of data and eight times as many of weights at a time."""
    return instruction(11, source=source, lines=lines)


def stop(code):
    return instruction(14, code=code)


def store_without_beats(target):
    return instruction(15, target=target)


class Bench:
    """A simulated engine with random bytes in its memory, and its registers by name."""

    def __init__(self, design="nano", seed=1, watch=(), waves=None, **memory):
        options = Options(Memory(size=SIZE, **memory), seed=seed, watch=watch, waves=waves)
        self.library = EngineLibrary(engine(design), options)
        self.memory = self.library.memory
        self.memory[:] = np.random.default_rng(seed).integers(0, 256, SIZE, dtype=np.uint8)
        self.set("ARENA", options.memory.base)
        self.set("ARENA_LINES", LINES)

    def set(self, name, value):
        for address, low, _ in REGISTERS[name].words():
            self.library.write_register(address, value >> low & 0xFFFFFFFF)

    def get(self, name):
        words = REGISTERS[name].words()
        return sum(self.library.read_register(address) << low for address, low, _ in words)

    def load(self, *instructions):
        text = b"".join(instructions)
        self.memory[64 * PROGRAM : 64 * PROGRAM + len(text)] = memoryview(text)
        self.set("PROGRAM", PROGRAM)
        self.set("INSTRUCTIONS", len(instructions))

    def run(self, *instructions, limit=200_000):
        """Run a program; error code and position."""
        self.load(*instructions)
        self.set("CTRL", START)
        assert self.library.run_until_done(limit)
        status = self.get("STATUS")
        return status & 0xFF, status >> 8

    def lines(self, first, count):
        return self.memory[64 * first : 64 * (first + count)].copy()
