"""Scales, zero points and the integer parameters that follow from them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3vit.errors import UserError
from m3vit.model import integer_ops
from m3vit.model.quantization import scales
from m3vit.model.quantization.scales import Scale, asymmetric, symmetric

RANDOM = np.random.default_rng(0)


def gelu(values):
    return np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in np.ravel(values)])


@given(low=st.floats(-100, 100), width=st.floats(0.01, 100))
def test_asymmetric_scales_reach_both_ends_and_hit_zero(low, width):
    scale = asymmetric(low, low + width)
    step = float(scale.step)
    assert -128 <= scale.zero_point <= 127
    for value in (low, low + width):
        assert -128.5 <= value / step + scale.zero_point <= 127.5 + 1e-6


def test_scales_of_nothing_are_positive():
    assert asymmetric(0.0, 0.0).step > 0
    assert symmetric(0.0, 16).step > 0


def test_symmetric_headroom():
    assert symmetric(2.0, 16, headroom=1.25).step * 32767 == pytest.approx(2.5)


def test_linear_is_the_float_layer_up_to_rounding():
    weight, bias = RANDOM.normal(0, 0.1, (20, 64)), RANDOM.normal(0, 0.5, 20)
    source, target = asymmetric(-1.0, 3.0), asymmetric(-4.0, 4.0)
    layer = scales.linear(weight, bias, source, target, 8)
    codes = RANDOM.integers(-128, 128, (50, 64)).astype(np.int8)
    inputs = (codes.astype(float) - source.zero_point) * source.step
    exact = np.clip(inputs @ weight.T + bias, -4.0 - 1e-9, 4.0)
    found = (integer_ops.linear(codes, layer).astype(float) - target.zero_point) * target.step
    # Half an output step, and every weight off by at most half of its step.
    steps = np.abs(weight).max(axis=1) / 127
    bound = 0.51 * target.step + np.abs(inputs).sum(axis=1)[:, None] * steps / 2
    assert np.all(np.abs(found - exact) <= bound)


def test_a_huge_bias_makes_the_weights_coarser_instead_of_overflowing():
    weight = np.array([[1e-6, -1e-6], [1.0, 1.0], [0.0, 0.0]])
    bias = np.array([1e3, 0.0, 2.0])
    source, target = symmetric(1.0, 8), symmetric(2e3, 16)
    layer = scales.linear(weight, bias, source, target, 16)
    found = integer_ops.linear(np.zeros((1, 2), np.int8), layer) * target.step
    np.testing.assert_allclose(found[0], bias, atol=2 * float(target.step))


def test_layer_norm_is_the_float_one_up_to_rounding():
    gain, bias = RANDOM.normal(1, 0.5, 64), RANDOM.normal(0, 1, 64)
    source, target = symmetric(20.0, 16), asymmetric(-8.0, 8.0)
    norm = scales.layer_norm(gain, bias, 1e-6, source, target)
    codes = RANDOM.normal(0, 3000, (30, 64)).astype(np.int16)
    values = codes * source.step
    spread = np.sqrt(values.var(axis=1, keepdims=True) + 1e-6)
    exact = (values - values.mean(axis=1, keepdims=True)) / spread * gain + bias
    found = (integer_ops.layer_norm(codes, norm)[0].astype(float) - target.zero_point) * target.step
    inside = (exact > -7.9) & (exact < 7.9)
    assert np.abs(found - exact)[inside].max() <= 0.52 * target.step


def test_layer_norm_epsilon_is_at_least_one_code():
    norm = scales.layer_norm(np.ones(4), np.zeros(4), 1e-12, symmetric(1e4, 16), symmetric(1.0, 8))
    assert norm.epsilon == 1


@pytest.mark.parametrize("largest", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_affine_uses_the_finest_shift_that_fits(largest, offset):
    gain, bias = np.array([largest, -largest / 3]), np.array([offset, 0.0])
    target = symmetric(max(largest, offset), 8)
    affine = scales.affine(gain, bias, target, 8)
    step = 2.0**-affine.shift
    found = affine.gain * step * 4096 * target.step
    np.testing.assert_allclose(found, gain, atol=0.51 * step * 4096 * target.step)
    assert step * 4096 <= 2.0**-7  # 18-bit values then move the output by less than half a code
    np.testing.assert_allclose(affine.bias * step * target.step, bias, atol=target.step / 1000)


def test_affine_refuses_what_no_shift_can_hold():
    with pytest.raises(UserError, match="LayerNorm"):
        scales.affine(np.array([1e9]), np.array([0.0]), symmetric(1e-3, 8), 8)


def test_activation_table():
    source, target = asymmetric(-3.0, 5.0), asymmetric(-0.17, 5.0)
    table = scales.activation_table(gelu, source, target)
    assert table.shape == (256,)
    zero = table[source.zero_point + 128]
    assert zero == target.zero_point
    inputs = (np.arange(-128, 128) - source.zero_point) * source.step
    values = (table.astype(float) - target.zero_point) * target.step
    assert np.abs(values - gelu(inputs)).max() <= 0.51 * target.step


@pytest.mark.parametrize(
    ("function", "expected"),
    [(lambda x: np.maximum(x, 0), 0.0), (np.tanh, -9.0), (lambda x: x, -9.0)],
    ids=["relu", "tanh", "identity"],
)
def test_useful_low(function, expected):
    target = asymmetric(min(function(np.array([-9.0]))[0], 0.0), 5.0)
    found = scales.useful_low(function, -9.0, 5.0, target)
    if function is np.tanh:
        assert -4 < found < -2  # tanh is -1 below
    else:
        assert found == pytest.approx(expected, abs=0.02)


def test_useful_low_of_gelu_loses_nothing():
    target = asymmetric(-0.17, 5.0)
    low = scales.useful_low(gelu, -12.0, 5.0, target)
    assert -3.5 < low < -2.0
    below = gelu(np.linspace(-12.0, low, 100))
    assert np.abs(below - gelu([low])).max() <= target.step / 4 + 1e-9


def test_useful_low_of_a_positive_range_is_its_lower_end():
    assert scales.useful_low(gelu, 0.0, 5.0, asymmetric(0.0, 5.0)) == 0.0


def test_gate_is_the_float_gate_up_to_rounding():
    weight = RANDOM.normal(0, 0.3, (2, 6, 32))
    bias = RANDOM.normal(0, 1, (2, 6))
    source = symmetric(4.0, 16)
    gate = scales.gate(weight, bias, source)
    codes = RANDOM.integers(-32000, 32000, (40, 32)).astype(np.int16)
    routing = integer_ops.route(codes, gate, 1, 1, [0, 6], 2, False, -1)
    exact = codes * source.step @ weight[1].T + bias[1]
    found = routing.logits * (math.log(2) / 1024)
    steps = np.abs(weight[1]).max(axis=1) / 127
    bound = np.abs(codes * source.step).sum(axis=1)[:, None] * steps / 2 + 1e-3
    assert np.all(np.abs(found - exact) <= bound)


def test_a_gate_without_weights_is_allowed():
    gate = scales.gate(np.zeros((1, 4, 8)), np.zeros((3, 4)), Scale(np.array(0.1)))
    routing = integer_ops.route(np.ones((2, 8), np.int16), gate, 2, 0, [0, 4], 1, False, -1)
    np.testing.assert_array_equal(routing.experts, 0)
