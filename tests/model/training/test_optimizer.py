"""Optimisers, and learning-rate shapes at points worked out by hand."""

import copy
import itertools

import pytest
import torch

from m3vit.model.training.optimizer import (
    MuonWithAdamW,
    build_optimizer,
    learning_rate_factor,
    set_learning_rate,
)
from m3vit.model.training.recipe import OptimSection, ScheduleSection


def test_poly_falls_with_its_power() -> None:
    schedule = ScheduleSection(name="poly", steps=100, power=0.9)
    assert learning_rate_factor(schedule, 0, 100) == 1
    assert learning_rate_factor(schedule, 50, 100) == pytest.approx(0.5**0.9)
    assert learning_rate_factor(schedule, 99, 100) == pytest.approx(0.01**0.9)


def test_cosine_rises_linearly_then_falls_to_its_end() -> None:
    schedule = ScheduleSection(name="cosine", steps=104, warmup_steps=4, final_fraction=0.2)
    factors = [learning_rate_factor(schedule, step, 104) for step in range(104)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[54] == pytest.approx(0.6)
    assert 0.2 < factors[103] < 0.201
    assert all(a > b for a, b in itertools.pairwise(factors[4:]))


class Parts(torch.nn.Module):
    """One parameter of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.norm = torch.nn.LayerNorm(3)
        self.cls_token = torch.nn.Parameter(torch.zeros(1, 1, 3))
        self.up_proj_bias = torch.nn.Parameter(torch.zeros(4, 3))


def test_weight_decay_can_spare_biases_and_tokens() -> None:
    network = Parts()
    optim = OptimSection(
        name="adamw", learning_rate=0.1, weight_decay=0.5, betas=[0.8, 0.9], decay_biases=False
    )
    optimizer = build_optimizer(network, optim)
    assert isinstance(optimizer, torch.optim.AdamW) and optimizer.defaults["betas"] == (0.8, 0.9)
    members = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert set(members) == {0.5, 0.0}
    assert [p is network.linear.weight for p in members[0.5]] == [True]
    assert len(members[0.0]) == 5


def test_sgd_decays_everything_by_default() -> None:
    optim = OptimSection(name="sgd", learning_rate=0.1, weight_decay=1e-4, momentum=0.9)
    optimizer = build_optimizer(Parts(), optim)
    (group,) = optimizer.param_groups
    assert isinstance(optimizer, torch.optim.SGD)
    assert (group["momentum"], group["weight_decay"], len(group["params"])) == (0.9, 1e-4, 6)


def test_heads_learn_at_their_own_rate() -> None:
    network = torch.nn.Module()
    network.heads = torch.nn.ModuleDict({"depth": torch.nn.Linear(2, 1, bias=False)})
    network.vit = torch.nn.Linear(2, 2, bias=False)
    optim = OptimSection(name="sgd", learning_rate=0.1, head_rate_factor=10.0)
    optimizer = build_optimizer(network, optim)
    set_learning_rate(optimizer, 0.05)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates[id(network.heads["depth"].weight)] == 0.5
    assert rates[id(network.vit.weight)] == 0.05


def test_quantiser_ranges_never_decay() -> None:
    network = torch.nn.Module()
    network.input_point = torch.nn.Module()
    network.input_point.value = torch.nn.Parameter(torch.ones(1, 4, 1, 1))
    optim = OptimSection(name="sgd", learning_rate=0.1, weight_decay=0.5)
    (group,) = build_optimizer(network, optim).param_groups
    assert group["weight_decay"] == 0


class Block(torch.nn.Module):
    """A dense and a mixture layer's parameters, under the model's own names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layer = torch.nn.ModuleDict({"q_proj": torch.nn.Linear(4, 6)})
        layer.up_proj = torch.nn.Parameter(torch.randn(3, 5, 4))
        layer.up_proj_bias = torch.nn.Parameter(torch.randn(3, 5))
        self.vit = torch.nn.ModuleDict({"layers": torch.nn.ModuleList([layer])})
        self.heads = torch.nn.ModuleDict({"depth": torch.nn.Linear(6, 1)})

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        layer = self.vit["layers"][0]
        hidden = layer["q_proj"](inputs)
        mixed = (inputs @ layer.up_proj.mT).square().mean() + layer.up_proj_bias.square().mean()
        return (self.heads["depth"](hidden) - 3).square().mean() + mixed


MUON = OptimSection(
    name="muon", learning_rate=1e-2, weight_decay=0.05, matrix_rate_factor=2.0, head_rate_factor=5.0
)


def test_muon_takes_the_matrices_of_layers_alone() -> None:
    network = Block()
    optimizer = build_optimizer(network, MUON)
    assert isinstance(optimizer, MuonWithAdamW)
    matrices, others = (
        [p for group in part.param_groups for p in group["params"]] for part in optimizer.parts
    )
    assert [p is network.vit["layers"][0]["q_proj"].weight for p in matrices] == [True]
    assert len(others) == 5
    set_learning_rate(optimizer, 1e-3)
    assert optimizer.parts[0].param_groups[0]["lr"] == 2e-3
    assert {group["lr"] for group in optimizer.parts[1].param_groups} == {1e-3, 5e-3}


def test_muon_learns_and_goes_on_exactly_from_its_state() -> None:
    inputs = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))

    def train(network: Block, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = network(inputs)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses

    whole = Block()
    losses = train(whole, build_optimizer(whole, MUON), 30)
    assert losses[-1] < losses[0] / 2
    first = Block()
    optimizer = build_optimizer(first, MUON)
    train(first, optimizer, 10)
    second = Block()
    second.load_state_dict(first.state_dict())
    resumed = build_optimizer(second, MUON)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    set_learning_rate(resumed, 1e-2)
    set_learning_rate(optimizer, 1e-2)
    assert train(second, resumed, 20) == train(first, optimizer, 20)
    assert all(
        torch.equal(a, b) for a, b in zip(second.parameters(), first.parameters(), strict=True)
    )
