"""Every operation computed by the kernels against its definition."""

import numpy as np
import pytest

from m3vit.hls.design import DesignConfig
from m3vit.host.image import default_photograph, load_image
from m3vit.model import integer_ops
from m3vit.model.golden import vectors
from m3vit.model.integer_ops import Routing
from m3vit.model.reference import Reference
from m3vit.model.shipped import find_model
from m3vit.model.synthetic import NANO, random_model
from m3vit.sim.csim import operations
from m3vit.sim.csim.operations import KERNELS, KernelOperations


@pytest.fixture(scope="module")
def compute(nano):
    """Operations of the small design."""
    return KernelOperations(nano)


@pytest.fixture(scope="module")
def calls():
    """All calls of the shipped network's golden vectors."""
    network = Reference(find_model("m3vit-nano-int8"))
    pixels = load_image(default_photograph(), network.model.image_size).pixels
    return list(vectors(network, pixels))


def assert_same(found, expected):
    """Equal, of equal types, but for the bits beyond 18 of what a residual sum saturates."""
    if expected.dtype == np.int32:
        expected = expected.clip(-(1 << 17), (1 << 17) - 1)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


OPERATIONS = (
    "cut_patches",
    "linear",
    "layer_norm",
    "attention_logits",
    "attention_weights",
    "attention_context",
    "activate",
    "add_residual",
    "route",
    "run_experts",
)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_golden_vectors(calls, compute, operation):
    chosen = [call for call in calls if call.operation == operation]
    assert chosen
    for call in chosen:
        found, expected = call.run(compute), call.run()
        assert list(found) == list(expected)
        for name, array in expected.items():
            assert_same(found[name], array)


def test_the_golden_vectors_call_every_operation(calls):
    assert {call.operation for call in calls} == set(OPERATIONS)


def test_a_sum_that_needs_several_calls_of_the_array(compute, monkeypatch):
    random = np.random.default_rng(0)
    linear = random_model().layers[0].mlp.up
    codes = random.integers(-128, 128, (9, NANO.width)).astype(np.int8)
    expected = integer_ops.linear(codes, linear)
    monkeypatch.setattr(operations, "BEATS_PER_CALL", 1)
    assert_same(compute.linear(codes, linear), expected)


def test_layers_beyond_the_buffers_go_through_in_blocks():
    """Two blocks of tokens in the large design."""
    design = DesignConfig.load("zcu104")
    random = np.random.default_rng(1)
    experts = random_model().layers[1].experts[:2]
    width = 384
    wide = [_widened(expert, width) for expert in experts]
    tokens = design.max_routed_values // width + 5
    codes = random.integers(-128, 128, (tokens, width)).astype(np.int8)
    scores = random.integers(0, 32769, (tokens, 1)).astype(np.int32)
    routing = Routing(np.zeros((0, 0), np.int16), random.integers(0, 2, (tokens, 1)), scores)
    expected = integer_ops.run_experts(codes, routing, wide, range(2))
    assert_same(KernelOperations(design).run_experts(codes, routing, wide, range(2)), expected)


def _widened(mlp, width):
    """The same hidden layer between more channels."""
    repeats = width // mlp.up.weight.shape[1]
    up, down = mlp.up, mlp.down
    return type(mlp)(
        type(up)(np.tile(up.weight, (1, repeats)), *_rest(up)),
        mlp.table,
        type(down)(
            np.tile(down.weight, (repeats, 1)),
            *(np.tile(part, repeats) for part in (down.bias, down.multiplier, down.shift)),
            down.zero_point,
            down.bits,
        ),
    )


def _rest(linear):
    return (linear.bias, linear.multiplier, linear.shift, linear.zero_point, linear.bits)


def test_row_sums_come_from_the_kernel(compute, calls, monkeypatch):
    """Those of the weights it has just made, not of others."""
    weights_call = next(call for call in calls if call.operation == "attention_weights")
    context_call = next(call for call in calls if call.operation == "attention_context")
    logits = weights_call.inputs["logits"]
    weights = compute.attention_weights(logits)
    arguments = context_call.inputs["value"], context_call.parameters
    expected = integer_ops.attention_context(weights, *arguments)
    assert_same(compute.attention_context(weights, *arguments), expected)
    other = weights[:, ::-1].copy()
    expected = integer_ops.attention_context(other, *arguments)
    assert_same(compute.attention_context(other, *arguments), expected)


def test_every_kernel_is_used(compute, calls, monkeypatch):
    used = set()
    run = operations.kernels.run

    def noted(kernel, *arguments):
        used.add(kernel)
        return run(kernel, *arguments)

    monkeypatch.setattr(operations.kernels, "run", noted)
    for operation in OPERATIONS:
        next(call for call in calls if call.operation == operation).run(compute)
    assert used == set(KERNELS)
