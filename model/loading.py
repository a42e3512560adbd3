"""Load float models of the family from `save_pretrained` directories, tensor by tensor checked."""

import json
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from m3vit.errors import UserError

from .config import ViTMoEConfig
from .dense_prediction import ViTMoEForDensePrediction
from .vit import ViTMoEForImageClassification, ViTMoEModel

FloatModel = ViTMoEModel | ViTMoEForImageClassification | ViTMoEForDensePrediction

CLASSES: dict[str, type[FloatModel]] = {
    kind.__name__: kind
    for kind in (ViTMoEModel, ViTMoEForImageClassification, ViTMoEForDensePrediction)
}


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


def load_dense_prediction(directory: str | Path) -> ViTMoEForDensePrediction:
    """As `load_float_model`, for a model with dense tasks only.

    Raises:
        UserError: also if the model is of another kind.
    """
    model = load_float_model(directory)
    if not isinstance(model, ViTMoEForDensePrediction):
        raise UserError(
            f"{directory} holds a {type(model).__name__}, which has no dense tasks: give a "
            "ViTMoEForDensePrediction"
        )
    return model


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
