"""The float models of the family behind one type: loading any of them, and reading their parts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers.activations import ACT2FN

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.vit import ViTMoEForImageClassification, ViTMoEModel

Floats = NDArray[np.float64]
FloatModel = ViTMoEModel | ViTMoEForImageClassification | ViTMoEForDensePrediction

CLASSES: dict[str, type[FloatModel]] = {
    kind.__name__: kind
    for kind in (ViTMoEModel, ViTMoEForImageClassification, ViTMoEForDensePrediction)
}


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


def load_float_model(directory: str | Path) -> FloatModel:
    """Load a model of any kind from a directory of `save_pretrained`, in evaluation mode.

    Raises:
        UserError: no such model there, or tensors that are missing, left over, of another shape
            (named with both shapes), NaN or infinite.
    """
    path = Path(directory)
    try:
        with (path / "config.json").open(encoding="utf-8") as file:
            settings = json.load(file)
        names = settings.get("architectures") or []
        kind = next(CLASSES[name] for name in names if name in CLASSES)
    except OSError:
        raise UserError(
            f"{path} holds no model (no config.json): give a directory written by training"
        ) from None
    except (ValueError, AttributeError, StopIteration):
        raise UserError(
            f"{path / 'config.json'} names none of {', '.join(CLASSES)}: give a directory written "
            "by training or by m3vit import-m3vit"
        ) from None
    model = kind(ViTMoEConfig.from_pretrained(path))
    tensors = _read(path / "model.safetensors")
    _check(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    return cast(FloatModel, model.eval())


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): train or copy it again") from None


def _check(path: Path, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Compare names, shapes and finiteness; name the first tensor that is wrong."""
    for name, tensor in expected.items():
        if name not in found:
            raise UserError(
                f"{path} lacks tensor '{name}' of shape {tuple(tensor.shape)}: "
                "train or copy it again"
            )
        if found[name].shape != tensor.shape:
            raise UserError(
                f"tensor '{name}' in {path} has shape {tuple(found[name].shape)} and its "
                f"config.json makes it {tuple(tensor.shape)}: the files do not belong together"
            )
        if not torch.isfinite(found[name]).all():
            raise UserError(f"tensor '{name}' in {path} holds NaN or infinity: train it again")
    for name, tensor in found.items():
        if name not in expected:
            raise UserError(
                f"{path} holds a tensor '{name}' of shape {tuple(tensor.shape)} that its "
                "config.json has no place for: the files do not belong together"
            )
