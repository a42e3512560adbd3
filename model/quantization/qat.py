"""Quantisation-aware training: the float model feels the rounding of the integer network.

What is rounded here, straight-through, is what becomes int8: activations at the model's
quantisation points, by Brevitas quantisers whose scales (and zero points) are learnt from the
calibrated ranges on; weights per output channel, by parametrisations, which also reach the
experts' three-dimensional tensors, for which Brevitas has no layer. Left in float is what the
integer network keeps far finer than int8: residual stream, LayerNorm, softmax and the gate's
activations; so is the table of the activation function, whose input and output are rounded.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import torch
from brevitas.core.zero_point import ParameterZeroPoint
from brevitas.function.ops_ste import round_ste
from brevitas.nn import QuantIdentity
from brevitas.quant import Int8ActPerTensorFloatMinMaxInit, Uint8ActPerTensorFloatMaxInit
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from m3vit.errors import UserError
from m3vit.model.heads import LinearHead
from m3vit.model.loading import FloatModel
from m3vit.model.vit import ViTMoEForImageClassification

from .calibrate import PER_HEAD, Calibration, calibrate
from .float_model import backbone_of
from .scales import asymmetric


class LearntAsymmetric(Uint8ActPerTensorFloatMaxInit):  # type: ignore[misc]
    """256 levels with learnt scale and zero point; `max_val` and `zero_point_init` are given."""

    zero_point_impl = ParameterZeroPoint
    quantize_zero_point = True
    zero_point_shape = ()


class RoundedWeight(nn.Module):
    """Weights as int8 codes per output channel would have them: the last axis shares a step.

    Args:
        columns: how many inputs are integers in the network; the rest passes unrounded.
        input_axes: axes behind the output channel's.
    """

    def __init__(self, columns: int | None = None, input_axes: int = 1) -> None:
        super().__init__()
        self.columns, self.axes = columns, tuple(range(-input_axes, 0))

    def forward(self, weight: Tensor) -> Tensor:
        rounded = weight if self.columns is None else weight[..., : self.columns]
        step = rounded.detach().abs().amax(self.axes, keepdim=True).clamp(min=1e-12) / 127
        rounded = round_ste(rounded / step) * step
        if self.columns is None:
            return rounded
        return torch.cat((rounded, weight[..., self.columns :]), dim=-1)


def prepare(model: FloatModel, images: Iterable[NDArray[np.uint8]]) -> None:
    """Make a float model train as if quantised, in place.

    Args:
        model: a trained float model.
        images: (H, W, channels) uint8 of the model's size, to calibrate the first ranges.

    Raises:
        UserError: the model is prepared already, or calibration fails.
    """
    if any(isinstance(module, QuantIdentity) for module in model.modules()):
        raise UserError("this model is prepared for quantisation-aware training already")
    calibration = calibrate(model, images)
    for name, parent, attribute in _points(model):
        if name in calibration.high:
            setattr(parent, attribute, _quantiser(name, calibration))
    for module, parameter, rounding in _weights(model):
        parametrize.register_parametrization(module, parameter, rounding)


def finish(model: FloatModel) -> None:
    """Return a prepared model to plain float, in place.

    The weights keep what they learnt before rounding, as rounding them again gives the same
    codes. The learnt ranges go to `model.config.activation_ranges`, which `save_pretrained`
    stores and calibration then prefers.
    """
    ranges: dict[str, list[Any]] = {}
    for name, parent, attribute in _points(model):
        quantiser = getattr(parent, attribute)
        if isinstance(quantiser, QuantIdentity):
            ranges[name] = _range_of(quantiser)
            setattr(parent, attribute, nn.Identity())
    for module, parameter, _ in _weights(model):
        if parametrize.is_parametrized(module, parameter):
            parametrize.remove_parametrizations(module, parameter, leave_parametrized=False)
    model.config.activation_ranges = ranges


def _quantiser(name: str, calibration: Calibration) -> nn.Module:
    """A Brevitas quantiser that starts with the calibrated range."""
    if name.rsplit(".", 1)[1] in PER_HEAD:
        magnitude = torch.from_numpy(calibration.magnitude(name)).float().clamp(min=1e-6)
        quantiser = QuantIdentity(
            act_quant=Int8ActPerTensorFloatMinMaxInit,
            narrow_range=True,
            scaling_per_output_channel=True,
            per_channel_broadcastable_shape=(1, len(magnitude), 1, 1),
            min_val=-1.0,
            max_val=1.0,
        )
        scaling = quantiser.act_quant.fused_activation_quant_proxy.tensor_quant.scaling_impl
        scaling.value.data.copy_(magnitude.view(1, -1, 1, 1))
        return cast(nn.Module, quantiser)
    scale = asymmetric(calibration.low[name], calibration.high[name])
    return cast(
        nn.Module,
        QuantIdentity(
            act_quant=LearntAsymmetric,
            max_val=255 * float(scale.step),
            zero_point_init=(scale.zero_point + 128) * float(scale.step),
        ),
    )


def _range_of(quantiser: Any) -> list[Any]:
    """[low, high] that a quantiser can represent; lists of H numbers where it is per head."""
    step = quantiser.act_quant.scale().detach().double()
    if step.numel() > 1:
        high = (127 * step).flatten().tolist()
        return [[-value for value in high], high]
    zero_point = float(quantiser.act_quant.zero_point().detach())
    return [-zero_point * float(step), (255 - zero_point) * float(step)]


def _points(model: FloatModel) -> Iterator[tuple[str, nn.Module, str]]:
    """Quantisation points: name in the trace, the module that holds it, attribute."""
    layers: Any = backbone_of(model).layers
    for index, layer in enumerate(layers):
        for part, points in (
            ("attention", ("input", "query", "key", "value", "context")),
            ("mlp", ("input", "hidden", "activation")),
        ):
            for point in points:
                yield f"layers.{index}.{part}.{point}", getattr(layer, part), f"{point}_point"
    for task, head in getattr(model, "heads", {}).items():
        if isinstance(head, LinearHead):
            yield f"heads.{task}.input", head, "input_point"


def _weights(model: FloatModel) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Weights that become int8: module, parameter name, rounding."""
    backbone: Any = backbone_of(model)
    # Per channel of the image the integer weights also hold 1 / std, which hardly differs.
    yield backbone.embeddings.patch_embeddings.projection, "weight", RoundedWeight(input_axes=3)
    for layer in backbone.layers:
        for part in "qkvo":
            yield getattr(layer.attention, f"{part}_proj"), "weight", RoundedWeight()
        if layer.is_moe:
            yield layer.mlp.gate, "weight", RoundedWeight(columns=model.config.hidden_size)
            yield layer.mlp.experts, "up_proj", RoundedWeight()
            yield layer.mlp.experts, "down_proj", RoundedWeight()
        else:
            yield layer.mlp.fc1, "weight", RoundedWeight()
            yield layer.mlp.fc2, "weight", RoundedWeight()
    for head in getattr(model, "heads", {}).values():
        if isinstance(head, LinearHead):
            yield head.projection, "weight", RoundedWeight()
    if isinstance(model, ViTMoEForImageClassification):
        yield model.classifier, "weight", RoundedWeight()
