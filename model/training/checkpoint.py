"""The state of an unfinished training run on disk: one file that is always whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from m3vit.errors import UserError
from m3vit.files import atomic_path

FORMAT = 1


@dataclass
class Checkpoint:
    """Everything that a step depends on and that is not a function of recipe and step.

    The learning rate, the order of samples and the random numbers of a step are such
    functions, so no state of theirs is stored.

    Attributes:
        step: steps done.
        recipe: `Recipe.as_dict()` of the run.
        network, optimizer: state dictionaries.
        scaler: state of the fp16 loss scaler, if there is one.
        loss_sums: running sums behind the next row of the log, see `trainer.Trainer`.
        loss_count: how many forward passes are in them.
        seconds: time spent so far.
        best: `trainer.Best` so far; None before the first evaluation.
        metrics: of the last evaluation.
    """

    step: int
    recipe: dict[str, Any]
    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any] | None
    loss_sums: Tensor
    loss_count: int
    seconds: float
    best: dict[str, Any] | None
    metrics: dict[str, dict[str, float]]

    def save(self, path: Path) -> None:
        """Write the file, replacing an older one in one step.

        Raises:
            UserError: a weight is not finite; the older file stays.
        """
        check_finite(self.network, f"the checkpoint of step {self.step}")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        with atomic_path(path) as fresh:
            torch.save({"format": FORMAT, **values}, fresh)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read the file; nothing in it is executed.

        Raises:
            UserError: missing, damaged or of another version.
        """
        if not path.is_file():
            raise UserError(
                f"There is nothing to resume in {path.parent.parent}: start without resuming."
            )
        values = load_tensors(path)
        if values.pop("format", None) != FORMAT:
            raise UserError(f"{path} was written by another version: start the run again.")
        return cls(**values)


def save_weights(network: dict[str, Tensor], path: Path) -> None:
    """Write only the weights, replacing an older file in one step."""
    check_finite(network, path.name)
    with atomic_path(path) as fresh:
        torch.save(network, fresh)


def load_tensors(path: Path) -> dict[str, Any]:
    """Read a file written here.

    Raises:
        UserError: the file is damaged.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever zipfile and pickle raise
        raise UserError(f"{path} is damaged ({error}): delete it and start again.") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged (no dictionary): delete it and start again.")
    return values


def check_finite(network: dict[str, Tensor], what: str) -> None:
    """Refuse to store weights that are NaN or infinite.

    Raises:
        UserError: names the first such tensor.
    """
    for name, tensor in network.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(
                f"Weight {name} is not finite, so {what} was not written: "
                "lower optim.learning_rate or set optim.max_grad_norm, then resume."
            )
