"""Random networks that fit a design: shapes, tasks, ranges of experts, behaviour of memory."""

from dataclasses import dataclass, replace

import numpy as np

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.fit import check_fits
from m3vit.host.buffers import Division
from m3vit.model.compiled import CompiledModel
from m3vit.model.network import HEADS, Network, Task
from m3vit.model.parameters import Affine, LayerNorm
from m3vit.model.synthetic import NANO, random_model

from .library import Memory

MOST_TOKENS = 60


@dataclass(frozen=True)
class Case:
    """A network and the memory that it runs with.

    Attributes:
        seed: that made it, the same again.
        model: with one to three tasks.
        memory: latencies, bandwidth and stalls.
        division: of tokens and heads, at times further than the design asks for.
    """

    seed: int
    model: CompiledModel
    memory: Memory
    division: Division

    def __str__(self) -> str:
        network, memory = self.model.network, self.memory
        height, width = network.grid
        experts = f", {network.experts_per_token} of {network.num_experts} experts"
        return (
            f"seed {self.seed}: {height} x {width} patches of {network.patch_size} pixels, "
            f"D {network.width}, {network.num_heads} heads, {network.num_layers} layers"
            f"{experts if network.moe_layers else ''}, {len(self.model.tasks)} tasks, "
            f"head {network.head}; latency {memory.read_latency}, {memory.write_latency}, "
            f"{memory.bandwidth}/{memory.bandwidth_cycles} bytes per cycle, stalls "
            f"{memory.stalls}; at least {self.division.tiles} tiles, at most "
            f"{self.division.heads} heads at a time"
        )


def random_case(seed: int, design: DesignConfig) -> Case:
    """Draw until a network fits."""
    generator = np.random.default_rng(seed)
    while True:
        network = _network(generator)
        try:
            check_fits(network, design)
        except UserError:
            continue
        if network.num_tokens <= MOST_TOKENS:
            return Case(
                seed,
                _model(generator, network, seed),
                _memory(generator),
                _division(generator, network),
            )


def _sized(generator: np.random.Generator, most: int) -> int:
    """From 1 on; often the size itself matters, and at times how small it is."""
    if generator.integers(4):
        return int(generator.integers(1, most + 1))
    return round(float(np.exp(generator.uniform(0, np.log(most)))))


def _network(generator: np.random.Generator) -> Network:
    heads = int(generator.integers(1, 5))
    layers = int(generator.integers(1, 5))
    experts = int(generator.integers(1, 17))
    side = _sized(generator, 16)
    return replace(
        NANO,
        image_height=side * _sized(generator, 8),
        image_width=side * _sized(generator, 16),
        patch_size=side,
        channels=int(generator.integers(1, 4)),
        width=heads * _sized(generator, 40),
        num_layers=layers,
        num_heads=heads,
        hidden=_sized(generator, 200),
        expert_hidden=_sized(generator, 100),
        num_experts=experts,
        experts_per_token=int(generator.integers(1, min(experts, 4) + 1)),
        moe_layers=[index for index in range(layers) if generator.integers(2)],
        norm_topk_prob=bool(generator.integers(2)),
        prune_threshold=int(generator.choice([-1, 2000, 12000])),
        gate_input_ahead=bool(generator.integers(2)),
        head=str(generator.choice(HEADS)),
        head_patch_grid=int(generator.integers(1, 4)),
    )


def _model(generator: np.random.Generator, network: Network, seed: int) -> CompiledModel:
    tasks = tuple(
        _task(generator, network, f"task{number}", number)
        for number in range(generator.integers(1, 4))
    )
    model = random_model(network, tasks, seed)
    if generator.integers(2):
        norm = _final_norm(generator, network.width)
        model = replace(model, parameters=replace(model.parameters, final_norm=norm))
    return model


def _task(generator: np.random.Generator, network: Network, name: str, number: int) -> Task:
    """With a gate of its own or the first task's, and all experts or a range of them."""
    first, last = 0, network.num_experts
    if generator.integers(2):
        first = int(generator.integers(network.num_experts))
        last = int(generator.integers(first + 1, network.num_experts + 1))
    channels = network.width if network.head == "tokens" else int(generator.integers(1, 8))
    gate = number if generator.integers(2) else 0
    return Task(name, channels, gate, [first, last], scale=0.001)


def _final_norm(generator: np.random.Generator, width: int) -> LayerNorm:
    gain = generator.integers(-12000, 12000, width, np.int16)
    bias = generator.integers(-(1 << 24), 1 << 24, width, np.int32)
    return LayerNorm(int(generator.integers(1, 10**6)), Affine(gain, bias, 12, 16))


def _memory(generator: np.random.Generator) -> Memory:
    return Memory(
        read_latency=_sized(generator, 400),
        write_latency=_sized(generator, 400),
        bandwidth=int(generator.integers(8, 65)),
        bandwidth_cycles=int(generator.integers(1, 4)),
        stalls=int(generator.choice([0, 30, 128, 220])),
    )


def _division(generator: np.random.Generator, network: Network) -> Division:
    """Half of all networks in tiles, and half in groups of heads."""
    tiles = int(generator.integers(2, 8)) if generator.integers(2) else 1
    heads = network.num_heads
    return Division(tiles=tiles, heads=int(generator.integers(1, heads + 1)))
