"""Random compiled models: every field filled with valid integers, nothing trained.

For testing a rung of the ladder, or timing it, on any shape of network within seconds and
without torch. Weights use the whole range of their type and scales are such that activations
do too, so saturation and ties occur.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .compiled import CompiledModel
from .fixed import ACCUMULATOR_BITS, GATE_ACCUMULATOR_BITS, split_ratio
from .network import Description, Network, Task
from .parameters import (
    Affine,
    Attention,
    Embeddings,
    Gate,
    Head,
    Heads,
    Layer,
    LayerNorm,
    Linear,
    Mlp,
    Parameters,
)

NANO = Network(
    image_height=32,
    image_width=48,
    channels=3,
    patch_size=8,
    width=32,
    num_layers=4,
    num_heads=2,
    hidden=64,
    expert_hidden=32,
    num_experts=6,
    experts_per_token=2,
    moe_layers=[1, 3],
    norm_topk_prob=False,
    prune_threshold=-1,
    gate_input_ahead=False,
    head="linear",
    head_patch_grid=2,
    hidden_act="gelu",
    layer_norm_eps=1e-6,
    router_type="multi_gate",
)
"""A network that runs in milliseconds."""

TINY = replace(
    NANO,
    image_height=128,
    image_width=256,
    patch_size=16,
    width=192,
    num_layers=12,
    num_heads=3,
    hidden=768,
    expert_hidden=384,
    num_experts=16,
    moe_layers=[1, 3, 5, 7, 9, 11],
    head_patch_grid=4,
)
"""M³ViT-T on Cityscapes, the configuration of Edge-MoE: 129 tokens."""

SMALL = replace(
    TINY,
    image_height=512,
    image_width=512,
    width=384,
    num_heads=12,
    hidden=1536,
    experts_per_token=4,
    head="tokens",
)
"""M³ViT-S on PASCAL-Context without its decoders: 1,025 tokens (M³ViT, section 4)."""

WEIGHT_SPREAD, ACTIVATION_SPREAD, RESIDUAL_SPREAD = 73.0, 40.0, 2000.0


def random_model(
    network: Network = NANO, tasks: tuple[Task, ...] | None = None, seed: int = 0
) -> CompiledModel:
    """A valid compiled model of the given shapes; equal arguments give equal models.

    Args:
        network: shapes and choices.
        tasks: default two tasks, "semseg" with 5 channels and "depth" with one, each with its
            own gate over all experts.
        seed: of all random numbers.
    """
    generator = np.random.default_rng(seed)
    if tasks is None:
        every = [0, network.num_experts]
        channels = (network.width, network.width) if network.head == "tokens" else (5, 1)
        tasks = tuple(
            Task(name, count, gate, every, scale=0.001)
            for gate, (name, count) in enumerate(zip(("semseg", "depth"), channels, strict=True))
        )
    width = network.width
    patch = _linear(generator, width, network.channels * network.patch_size**2, 32)
    positions = generator.normal(0, RESIDUAL_SPREAD, (network.num_tokens, width))
    codes = positions.astype(np.int16)
    heads = {}
    if network.head != "tokens":
        for task in tasks:
            outputs = task.channels * network.head_patch_grid**2
            heads[task.name] = Head(_norm(generator, width), _linear(generator, outputs, width, 16))
    parameters = Parameters(
        Embeddings(patch, codes[1:], codes[0]),
        tuple(_layer(generator, network, index, tasks) for index in range(network.num_layers)),
        None,
        heads,
    )
    return CompiledModel(network, tasks, parameters, Description([0.5] * 3, [0.5] * 3))


def random_image(network: Network = NANO, seed: int = 0) -> Any:
    """(H, W, channels) uint8 noise of the network's size."""
    shape = (network.image_height, network.image_width, network.channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _linear(generator: np.random.Generator, outputs: int, inputs: int, bits: int) -> Linear:
    spread = {8: ACTIVATION_SPREAD, 16: RESIDUAL_SPREAD, 32: RESIDUAL_SPREAD}[bits]
    accumulator = WEIGHT_SPREAD * ACTIVATION_SPREAD * math.sqrt(inputs)
    ratio = spread / accumulator * generator.uniform(0.3, 1.5, outputs)
    multiplier, shift = split_ratio(ratio, ACCUMULATOR_BITS)
    return Linear(
        generator.integers(-127, 128, (outputs, inputs)).astype(np.int8),
        generator.normal(0, accumulator / 4, outputs).astype(np.int32),
        multiplier,
        shift,
        int(generator.integers(-20, 20)) if bits == 8 else 0,
        bits,
    )


def _norm(generator: np.random.Generator, width: int, with_gate: bool = False) -> LayerNorm:
    gain, bias = generator.uniform(0.2, 1.0, width), generator.normal(0, 0.2, width)

    def affine(spread: float, shift: int, bits: int) -> Affine:
        return Affine(
            np.rint(gain * spread * 2.0 ** (shift - 12)).astype(np.int16),
            np.rint(bias * spread * 2.0**shift).astype(np.int32),
            shift,
            bits,
        )

    gate = affine(8000.0, 14, 16) if with_gate else None
    return LayerNorm(int(generator.integers(1, 10**5)), affine(ACTIVATION_SPREAD, 20, 8), gate)


def _heads(generator: np.random.Generator, ratio: float, heads: int, bits: int) -> Heads:
    multiplier, shift = split_ratio(ratio * generator.uniform(0.5, 1.5, heads), ACCUMULATOR_BITS)
    return Heads(multiplier, shift, int(generator.integers(-20, 20)) if bits == 8 else 0, bits)


def _mlp(generator: np.random.Generator, width: int, hidden: int, bits: int) -> Mlp:
    codes = np.arange(-128, 128) * 0.05
    gelu = [0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in codes]
    table = np.clip(np.rint(np.array(gelu) / 0.025) - 120, -128, 127).astype(np.int8)
    up = _linear(generator, hidden, width, 8)
    return Mlp(up, table, _linear(generator, width, hidden, bits))


def _layer(
    generator: np.random.Generator, network: Network, index: int, tasks: tuple[Task, ...]
) -> Layer:
    width, heads = network.width, network.num_heads
    logit_ratio = 500.0 / (ACTIVATION_SPREAD**2 * math.sqrt(network.head_dim))
    projection = replace(_linear(generator, 3 * width, width, 8), zero_point=0)
    attention = Attention(
        _norm(generator, width),
        projection,
        _heads(generator, logit_ratio, heads, 16),
        _heads(generator, 2.0**-8, heads, 8),
        _linear(generator, width, width, 32),
    )
    if index not in network.moe_layers:
        mlp = _mlp(generator, width, network.hidden, 32)
        return Layer(attention, _norm(generator, width), mlp)
    gates = 1 + max(task.gate for task in tasks)
    shape = (gates, network.num_experts)
    ratio = 1500.0 / (WEIGHT_SPREAD * 8000.0 * math.sqrt(width))
    multiplier, shift = split_ratio(
        ratio * generator.uniform(0.5, 1.5, shape), GATE_ACCUMULATOR_BITS
    )
    gate = Gate(
        generator.integers(-127, 128, (*shape, width)).astype(np.int8),
        generator.integers(-(10**6), 10**6, (len(tasks), network.num_experts)),
        multiplier,
        shift,
    )
    mlps = [_mlp(generator, width, network.expert_hidden, 16) for _ in range(network.num_experts)]
    # Experts of a layer share their scales.
    shared = mlps[0].up.zero_point
    experts = tuple(replace(mlp, up=replace(mlp.up, zero_point=shared)) for mlp in mlps)
    norm = _norm(generator, width, with_gate=not network.gate_input_ahead)
    return Layer(attention, norm, gate=gate, experts=experts)
