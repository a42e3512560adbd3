"""Optimisers, and learning-rate shapes at points worked out by hand."""

import itertools

import pytest
import torch

from m3vit.model.training.optimizer import build_optimizer, learning_rate_factor, set_learning_rate
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
