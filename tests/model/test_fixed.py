"""Fixed-point arithmetic against the same rules in Python's unbounded integers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3vit.errors import UserError
from m3vit.model import fixed
from m3vit.model.fixed import (
    ACCUMULATOR_BITS,
    GATE_ACCUMULATOR_BITS,
    Requantisation,
    exact_float,
    requantise,
    saturate,
    shift_range,
    split_ratio,
)


def plain_requantise(acc, bias, multiplier, shift, zero_point, bits):
    """The definition, in Python integers."""
    value = (((acc + bias) * multiplier + (1 << (shift - 1))) >> shift) + zero_point
    limit = 1 << (bits - 1)
    return min(max(value, -limit), limit - 1)


def rule_of(bias, multiplier, shift, zero_point, bits):
    return Requantisation(
        np.array([bias]), np.array([multiplier], np.int16), np.array([shift], np.uint8),
        zero_point, bits,
    )  # fmt: skip


@pytest.mark.parametrize("bits", [8, 16, 32])
@given(data=st.data())
def test_requantise_equals_plain_integers(bits, data):
    limit = (1 << ACCUMULATOR_BITS) - 1
    acc = data.draw(st.integers(-limit, limit))
    bias = data.draw(st.integers(max(-limit, -limit - acc), min(limit, limit - acc)))
    multiplier = data.draw(st.integers(1 << 14, (1 << 15) - 1))
    shift = data.draw(st.integers(*shift_range(ACCUMULATOR_BITS)))
    zero_point = data.draw(st.integers(-128, 127)) if bits == 8 else 0
    got = requantise(np.array([acc]), rule_of(bias, multiplier, shift, zero_point, bits))
    assert got[0] == plain_requantise(acc, bias, multiplier, shift, zero_point, bits)


@given(
    sign=st.sampled_from([-1, 1]),
    quotient=st.integers(0, 31),
    shift=st.integers(15, 35),
    zero_point=st.integers(-128, 127),
)
def test_requantise_rounds_ties_up(sign, quotient, shift, zero_point):
    # (2 q + 1) 2^(shift - 15) times 2^14, shifted, is q + 1/2: exactly between two codes.
    acc = sign * ((2 * quotient + 1) << (shift - 15))
    got = requantise(np.array([acc]), rule_of(0, 1 << 14, shift, zero_point, 32))
    assert got[0] == (quotient + 1 if sign > 0 else -quotient) + zero_point


@given(data=st.data())
def test_gate_requantisation_is_exact_at_34_bits(data):
    limit = (1 << GATE_ACCUMULATOR_BITS) - 1
    acc = data.draw(st.integers(-limit, limit))
    multiplier = data.draw(st.integers(1 << 14, (1 << 15) - 1))
    shift = data.draw(st.integers(*shift_range(GATE_ACCUMULATOR_BITS)))
    got = requantise(np.array([float(acc)]), rule_of(0, multiplier, shift, 0, 16))
    assert got[0] == plain_requantise(acc, 0, multiplier, shift, 0, 16)


def test_requantise_of_the_largest_sums_stays_within_int32():
    smallest, largest = shift_range(ACCUMULATOR_BITS)
    for sign in (-1, 1):
        acc = sign * ((1 << ACCUMULATOR_BITS) - 1)
        for shift in (smallest, largest):
            got = requantise(np.array([acc]), rule_of(0, (1 << 15) - 1, shift, 0, 32))
            assert got[0] == plain_requantise(acc, 0, (1 << 15) - 1, shift, 0, 32)


@given(ratio=st.floats(2.0**-30, 15.0))
def test_split_ratio_is_the_nearest_of_15_bits(ratio):
    multiplier, shift = split_ratio(np.array([ratio]))
    assert 1 << 14 <= multiplier[0] < 1 << 15
    if shift[0] < shift_range(ACCUMULATOR_BITS)[1]:
        assert abs(int(multiplier[0]) * 2.0 ** -int(shift[0]) / ratio - 1) <= 2.0**-15


def test_split_ratio_carries_into_the_next_power_of_two():
    multiplier, shift = split_ratio(np.array([1.0 - 2.0**-17]))
    assert (multiplier[0], shift[0]) == (1 << 14, 14)


def test_split_ratio_of_nothing_gives_zero_everywhere():
    multiplier, shift = split_ratio(np.array([1e-12, 2.0**-60]))
    rule = Requantisation(np.zeros(2), multiplier, shift, 5, 8)
    for acc in (-(2**26) + 1, 2**26 - 1):
        np.testing.assert_array_equal(requantise(np.full(2, acc), rule), [5, 5])


def test_split_ratio_refuses_absurd_scales():
    with pytest.raises(UserError, match="too large to requantise"):
        split_ratio(np.array([0.5, 1e3]))


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.int8), (16, np.int16), (32, np.int32)])
def test_saturate(bits, dtype):
    limit = 1 << (bits - 1)
    got = saturate(np.array([-limit - 1, -limit, 0, limit - 1, limit]), bits)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, [-limit, -limit, 0, limit - 1, limit - 1])


def test_exact_float_changes_at_24_bits():
    assert exact_float(1 << 24) is np.float32
    assert exact_float((1 << 24) + 1) is np.float64
    with pytest.raises(ValueError, match="no float type"):
        exact_float(1 << 54)


@given(value=st.integers(1, (1 << 24) - 1))
def test_reciprocal(value):
    mantissa, length = (int(part[0]) for part in fixed.reciprocal(np.array([value])))
    assert length == value.bit_length()
    assert mantissa == ((1 << (length + 15)) - 1) // value
    assert 1 << 15 <= mantissa < 1 << 16
    exact = 2.0 ** (length + 15) / value
    assert exact * (1 - 2.0**-15) <= mantissa <= exact


def plain_root(value):
    """The definition, in Python integers."""
    length = value.bit_length()
    shift = length + length % 2 - 32
    scaled = value >> shift if shift >= 0 else value << -shift
    start = int(fixed.ROOT_TABLE[(scaled >> 23) - 128])
    correction = 3 * 2**30 - ((scaled * start * start) >> 32)
    return (start * correction + (1 << 29)) >> 30, shift // 2


@given(value=st.one_of(st.integers(1, (1 << 53) - 1), st.integers(1, 4096)))
def test_reciprocal_square_root(value):
    root, half_shift = (int(part[0]) for part in fixed.reciprocal_square_root(np.array([value])))
    assert (root, half_shift) == plain_root(value)
    assert 1 << 16 <= root < 1 << 17
    assert -15 <= half_shift <= 11
    exact = 2.0 ** (32 + half_shift) / math.sqrt(value)
    assert abs(root / exact - 1) < 2.0**-15


def test_reciprocal_square_root_at_both_ends_of_every_interval():
    starts = np.arange(128, 513, dtype=np.int64) << 23
    ends = np.concatenate((starts[:-1], starts[1:] - 1))
    root, half_shift = fixed.reciprocal_square_root(ends)
    assert root.min() >= 1 << 16
    assert root.max() < 1 << 17
    np.testing.assert_array_equal(half_shift, 0)
    error = np.abs(root / (2.0**32 / np.sqrt(ends)) - 1)
    assert error.max() < 1.4e-5  # Newton 1.5 (1/512)^2 and rounding 2^-17, together 1.34e-5


@given(value=st.integers(1, (1 << 53) - 1))
def test_bit_length(value):
    assert fixed.bit_length(np.array([value]))[0] == value.bit_length()


@pytest.mark.parametrize("exponent", range(53))
def test_bit_length_of_powers_of_two(exponent):
    around = np.array([max(1, 2**exponent - 1), 2**exponent])
    np.testing.assert_array_equal(
        fixed.bit_length(around), [int(value).bit_length() for value in around]
    )


def test_tables_do_not_depend_on_the_last_bit_of_the_math_library():
    exact = [
        *(255 * 256 * 2 ** (-f / 128) for f in range(128)),
        *(65535 * 2 ** (-f / 1024) for f in range(1024)),
        *(math.sqrt(2**40 / (2 * i + 1)) for i in range(128, 512)),
    ]
    distance_to_tie = np.abs(np.array(exact) % 1 - 0.5)
    assert distance_to_tie.min() > 1e-5


def test_attention_weights_fall_from_255_to_nothing():
    weights = fixed.EXPONENTIAL_WEIGHTS.astype(int)
    assert (weights[0], weights[128], weights[1151], weights[1152]) == (255, 128, 1, 0)
    assert np.all(np.diff(weights) <= 0)
    exact = 255 * 2.0 ** (-np.arange(len(weights)) / 128)
    assert np.abs(weights - exact).max() <= 0.51
    far = fixed.exponential_weight(np.array([1152, 5000, 65535]))
    np.testing.assert_array_equal(far, 0)


def test_gate_weights_fall_from_65535_to_nothing():
    weights = fixed.gate_weight(np.arange(65536))
    assert (weights[0], weights[1024], weights[16 * 1024], weights[65535]) == (65535, 32768, 1, 0)
    assert np.all(np.diff(weights) <= 0)
    assert np.abs(weights - 65535 * 2.0 ** (-np.arange(65536) / 1024)).max() <= 1
