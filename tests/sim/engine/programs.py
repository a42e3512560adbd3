"""Programs by hand: an arena that grows, parameters of random layers, and what they compute."""

import numpy as np

from m3vit.hls.isa import LINE_BYTES, VERSION, Instruction
from m3vit.model.parameters import Affine, Gate, Heads, LayerNorm, Linear, Mlp
from m3vit.sim.engine.interpreter import execute


class Memory:
    """An arena; what is not written holds 0xAA."""

    def __init__(self, design):
        self.design = design
        self.content = np.zeros(0, np.uint8)

    def reserve(self, size):
        """Lines for `size` bytes."""
        line = self.content.size // LINE_BYTES
        lines = -(-size // LINE_BYTES)
        self.content = np.append(self.content, np.full(lines * LINE_BYTES, 0xAA, np.uint8))
        return line

    def place(self, content):
        """The line where these bytes lie."""
        content = np.frombuffer(np.ascontiguousarray(content).tobytes(), np.uint8)
        line = self.reserve(content.size)
        self.content[line * LINE_BYTES : line * LINE_BYTES + content.size] = content
        return line

    def read(self, line, size):
        return self.content[line * LINE_BYTES : line * LINE_BYTES + size]

    def numbers(self, line, *shape, dtype="<i2"):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return self.read(line, size).view(dtype).reshape(shape)

    def run(self, *instructions):
        """Between BEGIN and END."""
        begin = Instruction("BEGIN", design=self.design.design_id, version=VERSION)
        self.run_bare(begin, *instructions, Instruction("END"))

    def run_bare(self, *instructions):
        program = b"".join(instruction.encode() for instruction in instructions)
        line = self.place(np.frombuffer(program, np.uint8))
        execute(self.design, self.content, line, len(instructions))


def beats(size):
    return -(-size // 16)


def random_codes(generator, *shape, dtype=np.int8):
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def random_linear(generator, outputs, inputs, bits, zero_point=0):
    """Results that use the range of `bits`, with some saturation."""
    weight = generator.integers(-127, 128, (outputs, inputs), np.int8)
    spread = np.log2(74 * 74 * np.sqrt(inputs))
    shift = np.clip(np.full(outputs, 14 + spread - bits + 2).astype(int), 11, 42)
    return Linear(
        weight,
        generator.integers(-5000, 5000, outputs, np.int32),
        generator.integers(1 << 14, 1 << 15, outputs).astype(np.int16),
        (shift + generator.integers(0, 2, outputs)).astype(np.uint8),
        zero_point,
        bits,
    )


def random_affine(generator, width, bits):
    return Affine(
        generator.integers(-3000, 3000, width, np.int16),
        generator.integers(-100_000, 100_000, width, np.int32),
        20 - bits // 2,
        bits,
    )


def random_norm(generator, width, gate=False):
    wide = random_affine(generator, width, 16) if gate else None
    return LayerNorm(123_456, random_affine(generator, width, 8), wide)


def random_heads(generator, heads, bits, shift, zero_point=0):
    multiplier = generator.integers(1 << 14, 1 << 15, heads).astype(np.int16)
    return Heads(multiplier, np.full(heads, shift, np.uint8), zero_point, bits)


def random_gate(generator, experts, width):
    return Gate(
        generator.integers(-127, 128, (1, experts, width), np.int8),
        generator.integers(-(1 << 20), 1 << 20, (1, experts), np.int64),
        generator.integers(1 << 14, 1 << 15, (1, experts)).astype(np.int16),
        np.full((1, experts), 24, np.uint8),
    )


def random_mlp(generator, width, hidden, zero_point, table):
    return Mlp(
        random_linear(generator, hidden, width, 8, zero_point),
        table,
        random_linear(generator, width, hidden, 16),
    )
