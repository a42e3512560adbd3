"""The optimiser, and its learning rate as a function of the step alone."""

import math
from typing import Any

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


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for matrices and AdamW for the rest, stepped and stored as one optimiser.

    Muon (Jordan et al., 2024) replaces a matrix's momentum by the nearest orthogonal matrix, so
    that all directions move alike; its steps are scaled to the size of AdamW's.
    """

    def __init__(self, matrices: torch.optim.Muon, others: torch.optim.AdamW) -> None:
        self.parts: tuple[torch.optim.Optimizer, ...] = (matrices, others)
        super().__init__(self._groups(), {})

    def _groups(self) -> list[dict[str, Any]]:
        """The groups of both, shared: a changed rate is seen by its optimiser."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = self._groups()


def build_optimizer(network: nn.Module, optim: OptimSection) -> torch.optim.Optimizer:
    """The recipe's optimiser.

    Each parameter group holds "rate_factor"; `set_learning_rate` wants to be called before
    every step.
    """
    groups: dict[tuple[bool, float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        is_bias = parameter.ndim < 2 or name.endswith(("bias", "cls_token", "position_embeddings"))
        # The learnt ranges of quantisers (`qat`) are no weights: decay would clip signals.
        is_range = "_point." in name
        spared = is_range or (is_bias and not optim.decay_biases)
        decay = 0.0 if spared else optim.weight_decay
        factor = optim.head_rate_factor if name.startswith("heads.") and not is_range else 1.0
        # Experts are stacks of matrices and gates choose: both stay with AdamW.
        is_matrix = parameter.ndim == 2 and ".layers." in name and not (is_bias or is_range)
        is_matrix = is_matrix and optim.name == "muon"
        if is_matrix:
            factor = optim.matrix_rate_factor
        groups.setdefault((is_matrix, decay, factor), []).append(parameter)

    def members(of_matrices: bool) -> list[dict[str, Any]]:
        return [
            {"params": members, "weight_decay": decay, "rate_factor": factor}
            for (is_matrix, decay, factor), members in groups.items()
            if is_matrix == of_matrices
        ]

    rate, (first, second) = optim.learning_rate, optim.betas
    if optim.name == "sgd":
        return torch.optim.SGD(members(False), lr=rate, momentum=optim.momentum)
    others = torch.optim.AdamW(members(False), lr=rate, betas=(first, second))
    if optim.name == "adamw":
        return others
    matrices = torch.optim.Muon(
        members(True), lr=rate, momentum=optim.momentum, adjust_lr_fn="match_rms_adamw"
    )
    return MuonWithAdamW(matrices, others)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group, heads and matrices scaled by the recipe's factors."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_factor"]
