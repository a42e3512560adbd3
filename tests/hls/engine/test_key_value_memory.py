"""Tiles of keys and values against NumPy's slices, on every rung."""

import numpy as np
import pytest

from m3vit.hls.kernels import compile_kernel
from m3vit.sim.csim.kernels import stream_types

KEYS, VALUES = range(2)


class Program:
    """Accesses in program order: the streams that ask for them, and the tiles that must leave."""

    def __init__(self, design, seed=0):
        self.design = design
        self.random = np.random.default_rng(seed)
        self.types = {
            name: stream.dtype for name, stream in stream_types("key_value_memory", design).items()
        }
        self.held = {}
        self.commands = {"writes": [], "reads": []}
        self.codes = []
        self.tiles = []
        self.reads = self.writes = 0

    def write(self, memory, tokens, heads, head_words, base=0):
        """Rows of all heads, in blocks of the array's tokens; a head's tiles lie together."""
        design = self.design
        width = head_words * design.lanes
        rows = self.random.integers(-128, 128, (tokens, heads, width))
        shape = (tokens, width) if memory == KEYS else (width, tokens)
        down, along = (
            -(-count // size)
            for count, size in zip(shape, (design.lanes, design.array_inputs), strict=True)
        )
        self.held[memory] = rows, (base, down, along)
        for first in range(0, tokens, design.array_tokens):
            block = rows[first : first + design.array_tokens]
            command = np.zeros((), self.types["writes"])
            command["memory"] = memory
            order = command["order"]
            order["reads"], order["writes"] = self.reads % 64, self.writes % 64
            order["first"] = first == 0
            order["completes"] = order["last"] = first + design.array_tokens >= tokens
            command["base"], command["head_tiles"], command["step"] = base, down * along, along
            command["head_words"], command["token"] = head_words, first
            command["rows"]["groups"], command["rows"]["group"] = 1, len(block)
            command["rows"]["words"] = heads * head_words
            self.commands["writes"].append(command)
            words = block.reshape(len(block), heads * head_words, design.lanes)
            self.codes.append(words.swapaxes(0, 1).reshape(-1, design.lanes))
        self.writes += 1

    def read(self, memory, head, times=1, last=True):
        """All tiles of a head, several times: a command each. They must be whole ones."""
        rows, (base, down, along) = self.held[memory]
        design = self.design
        matrix = rows[:, head] if memory == KEYS else rows[:, head].T
        tiles = matrix.reshape(down, design.lanes, along, design.array_inputs).swapaxes(1, 2)
        for index in range(times):
            command = np.zeros((), self.types["reads"])
            command["memory"] = memory
            command["order"]["after"] = self.writes % 64
            command["order"]["last"] = last and index == times - 1
            command["base"], command["tiles"] = base + head * down * along, down * along
            self.commands["reads"].append(command)
            self.tiles.append(tiles.reshape(-1, design.lanes, design.array_inputs))
        self.reads += last

    def climb(self, ladder, rtl=False):
        inputs = {name: np.array(x, self.types[name]) for name, x in self.commands.items()}
        inputs["codes"] = np.zeros(sum(map(len, self.codes)), self.types["codes"])
        inputs["codes"]["lane"] = np.concatenate(self.codes)
        tiles = np.zeros(sum(map(len, self.tiles)), self.types["tiles"])
        tiles["at"] = np.concatenate(self.tiles)
        expected = {
            "tiles": tiles,
            "reads_retired": np.ones(self.reads, np.uint8),
            "writes_retired": np.ones(self.writes, np.uint8),
        }
        return ladder("key_value_memory", self.design, inputs, expected, rtl)


@pytest.mark.parametrize("memory", [KEYS, VALUES])
@pytest.mark.parametrize(("tokens", "heads", "head_words"), [(8, 1, 2), (24, 3, 4), (136, 4, 2)])
def test_whole_tiles(nano, ladder, memory, tokens, heads, head_words):
    program = Program(nano)
    program.write(memory, tokens, heads, head_words, base=3)
    for head in range(heads):
        program.read(memory, head)
    program.climb(ladder, rtl=tokens < 100)


def test_keys_and_values_side_by_side(nano, ladder):
    """As attention uses them: products with keys and with values of several heads in turn."""
    program = Program(nano)
    program.write(KEYS, 16, 3, 2)
    program.write(VALUES, 16, 3, 2)
    for head in range(3):
        program.read(KEYS, head, times=4, last=False)
        program.read(VALUES, head, times=4)
    found = program.climb(ladder, rtl=True)
    assert found["codes"].interval == found["tiles"].interval == 1


def test_a_layer_after_another(nano, ladder):
    """New keys and values wait until the old ones have been used."""
    program = Program(nano)
    for _ in range(40):
        program.write(KEYS, 8, 1, 2)
        program.write(VALUES, 8, 1, 2)
        program.read(KEYS, 0, last=False)
        program.read(VALUES, 0)
    program.climb(ladder, rtl=True)


def test_tiles_of_one(nano, ladder):
    """Commands of one tile cost a cycle more."""
    program = Program(nano)
    program.write(KEYS, 4, 1, 2)
    program.read(KEYS, 0, times=5)
    program.climb(ladder, rtl=True)


@pytest.mark.parametrize("memory", [KEYS, VALUES])
def test_large_design(zcu104, ladder, memory):
    program = Program(zcu104)
    program.write(memory, 64, 4, 4, base=7)
    for head in range(4):
        program.read(memory, head)
    program.climb(ladder)


def test_hardware_of_the_large_design(zcu104):
    modules = {
        module.name: module for module in compile_kernel("key_value_memory", zcu104).report.modules
    }
    assert modules["KeyValueBuffer"].interval == modules["KeyValueWriter"].interval == 1
    memory = modules["KeyValueBuffer"].memories[0]
    assert (memory.kind, memory.banks, memory.copies) == ("bram", zcu104.array_inputs, 1)
