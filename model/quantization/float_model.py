"""Reading the parts of a float model of any kind."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.activations import ACT2FN

from m3vit.model.loading import FloatModel
from m3vit.model.vit import ViTMoEModel

Floats = NDArray[np.float64]


def backbone_of(model: FloatModel) -> ViTMoEModel:
    """The transformer inside a model with heads, or the model itself."""
    return model if isinstance(model, ViTMoEModel) else model.vit


def task_names(model: FloatModel) -> list[str]:
    """The tasks as configured; of a model without: "features", or "task0", "task1"..."""
    config: Any = model.config
    if config.tasks or config.num_tasks == 1:
        return list(config.tasks) or ["features"]
    return [f"task{index}" for index in range(config.num_tasks)]


def float64(tensor: Tensor) -> Floats:
    """The values of a tensor in NumPy."""
    return tensor.detach().cpu().double().numpy()


def weights_of(layer: nn.Linear) -> tuple[Floats, Floats]:
    """Weight (N, K) and bias (N,), zeros where the layer has none."""
    weight = float64(layer.weight)
    return weight, np.zeros(len(weight)) if layer.bias is None else float64(layer.bias)


def activation_function(name: str) -> Callable[[Floats], Floats]:
    """An activation function of transformers on float64 NumPy arrays."""
    module = ACT2FN[name]

    def apply(values: Floats) -> Floats:
        with torch.no_grad():
            return cast(Floats, module(torch.from_numpy(values)).numpy())

    return apply
