"""Models behind one call: normalised images in, raw outputs per task at input resolution out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from m3vit.errors import UserError


class FloatPredictor:
    """Runs a PyTorch model in evaluation mode, without gradients."""

    backend = "torch"

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network, self.device = network.to(device), device
        config: Any = network.config
        self.channels: dict[str, int] = dict(config.task_channels)
        self.image_size: tuple[int, int] = (config.image_height, config.image_width)
        self.tasks = list(config.tasks)

    def prepare(self, dataset: Any, tasks: list[str]) -> None:
        """Predict these tasks; the data set must normalise as the model was trained."""
        config: Any = self.network.config
        expected = [*config.image_mean, *config.image_std]
        if not np.allclose([*dataset.mean, *dataset.std], expected, atol=1e-6):
            raise UserError(
                f"The data set normalises with mean {list(dataset.mean)} and std "
                f"{list(dataset.std)}, the model expects {list(config.image_mean)} and "
                f"{list(config.image_std)}: evaluate on the data set that it was trained for."
            )
        self.tasks = tasks

    def __call__(self, pixel_values: Tensor) -> Mapping[str, Tensor]:
        """Raw outputs of the prepared tasks."""
        was_training = self.network.training
        self.network.eval()
        with torch.inference_mode():
            outputs: Mapping[str, Tensor] = self.network(pixel_values, tasks=self.tasks)
        self.network.train(was_training)
        return outputs


class CompiledPredictor:
    """Runs a compiled model, image by image, on what its user would hand it: eight-bit RGB."""

    device = torch.device("cpu")

    def __init__(self, directory: Path, backend: str) -> None:
        from m3vit.host.accelerator import Accelerator
        from m3vit.model.compiled import CompiledModel

        compiled = CompiledModel.load(directory)
        self.accelerator = Accelerator(compiled, backend=backend)
        self.backend = backend
        self.channels = {task.name: task.channels for task in compiled.tasks}
        self.image_size = compiled.image_size
        self.tasks = list(self.channels)
        self.mean = self.std = torch.zeros(3)

    def prepare(self, dataset: Any, tasks: list[str]) -> None:
        """Predict these tasks; undo the data set's normalisation."""
        self.tasks = tasks
        self.mean = torch.tensor(dataset.mean, dtype=torch.float32).view(3, 1, 1)
        self.std = torch.tensor(dataset.std, dtype=torch.float32).view(3, 1, 1)

    def __call__(self, pixel_values: Tensor) -> Mapping[str, Tensor]:
        """Outputs of the prepared tasks in float, from integer arithmetic."""
        outputs: dict[str, list[NDArray[np.float32]]] = {task: [] for task in self.tasks}
        for pixels in pixel_values:
            levels = (pixels * self.std + self.mean) * 255
            image = levels.round().clamp(0, 255).byte().movedim(0, -1).contiguous().numpy()
            for task in self.tasks:
                outputs[task].append(self.accelerator.run(image, task).prediction())
        return {task: torch.from_numpy(np.stack(maps)) for task, maps in outputs.items()}
