"""The kernels' small functions against `model.fixed` and Python's integers."""

from pathlib import Path

import numpy as np
import pytest

from m3vit.model import fixed
from m3vit.sim.csim import kernels

SOURCE = Path(__file__).with_name("arithmetic_top.cpp")
HARMLESS = {"radicand": 1, "divisor": 1, "shift": 1}


@pytest.fixture(scope="module")
def apply(nano):
    """Results of operands that are given by name, one array each."""
    kernel = kernels.load(SOURCE, nano)

    def call(**operands):
        items = np.zeros(len(next(iter(operands.values()))), kernel.streams["operands"].dtype)
        for name, values in {**HARMLESS, **operands}.items():
            items[name] = values
        return kernel.run({"operands": items})["results"]

    return call


def test_roots(apply):
    random = np.random.default_rng(0)
    powers = 1 << np.arange(53, dtype=np.int64)
    anything = random.integers(1, 1 << 53, 20_000) >> random.integers(0, 53, 20_000)
    values = np.concatenate((np.arange(1, 5000), powers, 2 * powers - 1, powers + 1, anything))
    values = np.clip(values, 1, (1 << 53) - 1)
    root, half_shift = fixed.reciprocal_square_root(values)
    found = apply(radicand=values)
    np.testing.assert_array_equal(found["root"], root)
    np.testing.assert_array_equal(found["half_shift"], half_shift)


def test_every_entry_of_the_root_table(apply):
    """Both ends of each of its intervals, at an even and an odd exponent."""
    edges = np.arange(128, 513, dtype=np.int64) << 23
    values = np.concatenate((edges[:-1], edges[1:] - 1, edges[:-1] << 20, edges[1:] << 10))
    found = apply(radicand=values)
    np.testing.assert_array_equal(found["root"], fixed.reciprocal_square_root(values)[0])


def test_reciprocals(apply):
    random = np.random.default_rng(1)
    powers = 1 << np.arange(24)
    anything = random.integers(1, 1 << 24, 30_000)
    values = np.concatenate((np.arange(1, 70_000), powers, 2 * powers - 1, anything))
    mantissa, length = fixed.reciprocal(values)
    found = apply(divisor=values)
    np.testing.assert_array_equal(found["mantissa"], mantissa)
    np.testing.assert_array_equal(found["length"], length)


def test_exponentials_of_every_distance(apply):
    distances = np.arange(1 << 16)
    found = apply(distance=distances)
    np.testing.assert_array_equal(found["weight"], fixed.exponential_weight(distances))
    np.testing.assert_array_equal(found["gate_weight"], fixed.gate_weight(distances))


@pytest.mark.parametrize("shift", [1, 2, 8, 29, 42])
def test_rounding(apply, shift):
    """Around every tie near zero, around the ends of 8 bits, and anywhere."""
    random = np.random.default_rng(shift)
    half = 1 << (shift - 1)
    ties = np.array(
        [(2 * code + 1) * half for code in (*range(-5, 5), *range(-130, -125), 126, 127)]
    )
    limit = 1 << 42
    values = np.concatenate(
        (ties - 1, ties, ties + 1, [-limit, limit - 1], random.integers(-limit, limit, 2000))
    )
    values = values[(values >= -limit) & (values < limit)]
    rounded = np.array([(int(value) + half) >> shift for value in values])
    found = apply(value=values, shift=np.full(values.size, shift))
    np.testing.assert_array_equal(found["rounded"], rounded)
    np.testing.assert_array_equal(found["round_saturated"], np.clip(rounded, -128, 127))


def test_saturation(apply):
    values = np.array([-(1 << 42), -32769, -32768, -1, 0, 32767, 32768, (1 << 42) - 1])
    np.testing.assert_array_equal(apply(value=values)["saturated"], np.clip(values, -32768, 32767))


def test_split_products(apply):
    random = np.random.default_rng(3)
    left = np.concatenate(
        ([-(1 << 26), (1 << 26) - 1] * 2, random.integers(-(1 << 26), 1 << 26, 999))
    )
    right = np.concatenate(
        ([-(1 << 34)] * 2, [(1 << 34) - 1] * 2, random.integers(-(1 << 34), 1 << 34, 999))
    )
    np.testing.assert_array_equal(apply(left=left, right=right)["product"], left * right)
