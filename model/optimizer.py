"""The optimiser, and its learning rate as a function of the step alone."""

import math

import torch
from torch import nn

from m3vit.model.recipe import OptimSection, ScheduleSection


def learning_rate_factor(schedule: ScheduleSection, step: int, steps: int) -> float:
    """Part of the peak learning rate that a step uses.

    After the linear warm-up, "poly" is (1 - t)^power and "cosine" half a cosine wave from 1 to
    `final_fraction`, with t from 0 to 1 over the rest of the run. M³ViT changes its polynomial
    rate once per epoch; here it changes every step.

    Args:
        schedule: shape and warm-up.
        step: 0 .. steps - 1.
        steps: length of the run.

    Returns:
        Between 0 and 1, above 0 for every step of the run with "poly".
    """
    if step < schedule.warmup_steps:
        return (step + 1) / (schedule.warmup_steps + 1)
    time = (step - schedule.warmup_steps) / max(1, steps - schedule.warmup_steps)
    if schedule.name == "poly":
        return float((1 - time) ** schedule.power)
    wave = (1 + math.cos(math.pi * time)) / 2
    return schedule.final_fraction + (1 - schedule.final_fraction) * wave


def build_optimizer(network: nn.Module, optim: OptimSection) -> torch.optim.Optimizer:
    """The recipe's optimiser; the learning rate is set before every step."""
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_bias = parameter.ndim < 2 or name.endswith(("bias", "cls_token", "position_embeddings"))
        # The learnt ranges of quantisers (model.qat) are no weights: decay would clip signals.
        is_range = "_point." in name
        spared = is_range or (is_bias and not optim.decay_biases)
        (kept if spared else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": optim.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.learning_rate, momentum=optim.momentum)
    first, second = optim.betas
    return torch.optim.AdamW(groups, lr=optim.learning_rate, betas=(first, second))
