"""The optimiser, and its learning rate as a function of the step alone."""

import math

import torch
from torch import nn

from m3vit.model.training.recipe import OptimSection, ScheduleSection


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
    """The recipe's optimiser.

    Each parameter group holds "rate_factor"; `set_learning_rate` wants to be called before
    every step.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        is_bias = parameter.ndim < 2 or name.endswith(("bias", "cls_token", "position_embeddings"))
        # The learnt ranges of quantisers (`qat`) are no weights: decay would clip signals.
        is_range = "_point." in name
        spared = is_range or (is_bias and not optim.decay_biases)
        decay = 0.0 if spared else optim.weight_decay
        factor = optim.head_rate_factor if name.startswith("heads.") and not is_range else 1.0
        groups.setdefault((decay, factor), []).append(parameter)
    parameters = [
        {"params": members, "weight_decay": decay, "rate_factor": factor}
        for (decay, factor), members in groups.items()
    ]
    if optim.name == "sgd":
        return torch.optim.SGD(parameters, lr=optim.learning_rate, momentum=optim.momentum)
    first, second = optim.betas
    return torch.optim.AdamW(parameters, lr=optim.learning_rate, betas=(first, second))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group, heads scaled by the recipe's factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_factor"]
