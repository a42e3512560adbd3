"""Random graphs: what the generated hardware computes is what the interpreter says."""

import random

import pytest

from m3vit.hls.compiler.builder import GraphBuilder
from m3vit.hls.compiler.ir import Location
from m3vit.sim.rtl.stalls import NONE, Stalls, at_random

SAME_WIDTH = ["add", "sub", "mul", "and", "or", "xor", "smax", "smin", "umax", "umin"]
COMPARISONS = ["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"]
EXTENSIONS = ["zext", "sext"]
STALLS = (NONE, Stalls("random", at_random(0.5), at_random(0.4), seed=3))


class Recipe:
    """Grows a graph at random from a few values."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.builder = GraphBuilder()
        self.values = []

    def pick(self, width=None):
        value = self.random.choice(self.values)
        if width is None or value.width == width:
            return value
        return self.builder.resize(value, width, self.random.random() < 0.5)

    def constant(self, width):
        return self.builder.constant(self.random.getrandbits(width), width)

    def step(self, line):
        kind = self.random.choice(
            ["same"] * 5 + ["compare", "select", "select", "shift", "wire", "wire", "not", "logic"]
        )
        width = self.random.choice([1, 2, 5, 8, 13, 18, 27, 33, 48, 70])
        pure, place = self.builder.pure, Location("random.cpp", line)
        first = self.pick(width)
        second = self.constant(width) if self.random.random() < 0.2 else self.pick(width)
        if kind == "same":
            operation = self.random.choice(SAME_WIDTH)
            node = pure(operation, width, first, second, location=place)
        elif kind == "compare":
            operation = self.random.choice(COMPARISONS)
            node = pure(operation, 1, first, second, location=place)
        elif kind == "select":
            node = pure("select", width, self.pick(1), first, second, location=place)
        elif kind == "shift":
            operation = self.random.choice(["shl", "lshr", "ashr"])
            if width < 2 or self.random.random() < 0.4:
                amount = self.builder.constant(self.random.randrange(width), width)
            else:
                bits = (width - 1).bit_length() - (0 if width & (width - 1) == 0 else 1)
                amount = self.builder.resize(self.pick(max(bits, 1)), width, False)
                if width == 2:
                    amount = self.builder.resize(self.pick(1), 2, False)
            node = pure(operation, width, first, amount, location=place)
        elif kind == "wire":
            choice = self.random.randrange(3)
            if choice == 0:
                low = self.random.randrange(width)
                node = pure("slice", self.random.randint(1, width - low), first, start=low)
            elif choice == 1:
                node = pure("concat", first.width + second.width, first, second)
            else:
                wider = width + self.random.randint(1, 9)
                node = pure(self.random.choice(EXTENSIONS), wider, first)
        elif kind == "not":
            node = pure("not", width, first)
        else:
            operation = self.random.choice(["and", "or", "xor"])
            node = pure(operation, 1, self.pick(1), self.pick(1), location=place)
        if node.width <= 90:
            self.values.append(node)


@pytest.mark.parametrize("seed", range(3))
def test_one_loop(seed, make_process, compare):
    recipe = Recipe(seed)
    builder = recipe.builder
    one = builder.constant(1, 1)
    state = [builder.phi(recipe.constant(width), f"state_{width}") for width in (1, 6, 16)]
    word = builder.read("words", 64, one)
    recipe.values += [builder.pure("slice", 16, word, start=16 * i) for i in range(4)]
    recipe.values += state
    for line in range(120):
        recipe.step(line)
    late = recipe.values[-1]
    for phi in state:
        step = builder.pure(
            recipe.random.choice(["add", "xor"]), phi.width, phi, recipe.pick(phi.width)
        )
        builder.set_next(phi, step)
    parts = recipe.values[-12:]
    width = sum(part.width for part in parts)
    builder.write("all", one, builder.pure("concat", width, *parts))
    builder.write("some", recipe.pick(1), builder.resize(late, 32, True))
    region = builder.region("loop", pipelined=True, proceed=one)
    process = make_process([region], {"words": 64}, {"all": width, "some": 32}, name=f"dut_{seed}")
    words = [0, (1 << 64) - 1] + [recipe.random.getrandbits(64) for _ in range(150)]
    compare(process, {"words": words}, stalls=STALLS)
