"""Float activations under the names that the integer reference's trace uses.

Calibration takes ranges from them, and `m3vit compare` sets both networks side by side.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.heads import LinearHead
from m3vit.model.loading import FloatModel
from m3vit.model.vit import ViTMoEForImageClassification

from .float_model import backbone_of, task_names

Activations = dict[str, Tensor]


def normalised(images: Iterable[NDArray[np.uint8]], config: ViTMoEConfig) -> Tensor:
    """(H, W, channels) uint8 images of the model's size -> (B, channels, H, W) as it was trained.

    Raises:
        UserError: an image of another size or type.
    """
    expected = (config.image_height, config.image_width, config.num_channels)
    batch = list(images)
    for image in batch:
        if image.shape != expected or image.dtype != np.uint8:
            raise UserError(
                f"an image is {image.dtype} {image.shape} and this model takes uint8 {expected}: "
                "resize or convert it first"
            )
    pixels = torch.from_numpy(np.stack(batch)).movedim(-1, 1).float() / 255
    mean, std = (
        torch.tensor(values).view(-1, 1, 1) for values in (config.image_mean, config.image_std)
    )
    return (pixels - mean) / std


def observe(model: FloatModel, pixel_values: Tensor, task: str) -> Activations:
    """Run one task in evaluation mode and return its activations by trace name.

    Shapes are those of the integer trace with a batch axis in front; gate logits are in nats.
    The `hidden` and `activation` of experts come as (assignments, F), sorted by expert.
    """
    task_id = task_names(model).index(task)
    found: Activations = {}
    was_training = model.training
    model.eval()
    with torch.no_grad(), _hooks(model, task, pixel_values.shape[0], found):
        if isinstance(model, ViTMoEForDensePrediction):
            output = model(pixel_values, tasks=[task], output_hidden_states=True).backbone[task]
        else:
            output = model(pixel_values, task_id=task_id, output_hidden_states=True)
    model.train(was_training)
    found["embeddings.output"] = output.hidden_states[0]
    for index, residual in enumerate(output.hidden_states[1:]):
        found[f"layers.{index}.output"] = residual
    return found


def _output(inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    return output


@contextmanager
def _hooks(model: FloatModel, task: str, images: int, found: Activations) -> Iterator[None]:
    """Record what passes through the named modules while the context is open."""
    handles = []

    def record(module: nn.Module, name: str, pick: Callable[..., Tensor] = _output) -> None:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            found[name] = pick(inputs, output).detach()

        handles.append(module.register_forward_hook(hook))

    def per_image(tensor: Tensor) -> Tensor:
        return tensor.unflatten(0, (images, -1))

    backbone = backbone_of(model)
    layers: Any = backbone.layers
    for index, layer in enumerate(layers):
        name, attention, mlp = f"layers.{index}", layer.attention, layer.mlp
        for point in ("input", "query", "key", "value", "context"):
            record(getattr(attention, f"{point}_point"), f"{name}.attention.{point}")
        record(attention, f"{name}.attention.branch", lambda inputs, output: output[0])
        record(layer.layernorm_after, f"{name}.attended", lambda inputs, output: inputs[0])
        for point in ("input", "hidden", "activation"):
            record(getattr(mlp, f"{point}_point"), f"{name}.mlp.{point}")
        if not layer.is_moe:
            record(mlp, f"{name}.mlp.branch")
            continue
        record(mlp, f"{name}.mlp.branch", lambda inputs, output: output[0])
        record(mlp.gate, f"{name}.mlp.gate_input", lambda inputs, output: per_image(inputs[0]))
        for field in ("logits", "experts", "scores"):
            part = "gate_logits" if field == "logits" else field
            record(
                mlp.gate,
                f"{name}.mlp.{part}",
                lambda inputs, output, field=field: per_image(getattr(output, field)),
            )
    if isinstance(model, ViTMoEForImageClassification):
        if backbone.layernorm is not None:
            pick = lambda inputs, output: output[:, :1]  # noqa: E731
            record(backbone.layernorm, f"heads.{task}.input", pick)
        record(model.classifier, f"heads.{task}.output", lambda inputs, output: output[:, None])
    elif backbone.layernorm is not None:
        record(backbone.layernorm, "final_norm.output")
    head = model.heads[task] if isinstance(model, ViTMoEForDensePrediction) else None
    if isinstance(head, LinearHead):
        record(head.input_point, f"heads.{task}.input")
        record(head.projection, f"heads.{task}.output")
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
