"""Up-sampling heads as the host computes them: floats, with batch normalisation folded in."""

import numpy as np
import torch
from torch import Tensor, nn

from m3vit.model.heads import UpsamplingHead
from m3vit.model.parameters import Convolution, Decoder


def decoder_of(head: UpsamplingHead) -> Decoder:
    """The head as arrays, in the state of inference."""
    stages = zip(head.convolutions, head.batch_norms, strict=True)
    return Decoder(
        _array(head.norm.weight),
        _array(head.norm.bias),
        np.asarray(head.norm.eps, np.float32),
        tuple(_folded(convolution, norm) for convolution, norm in stages),
        Convolution(_array(head.classifier.weight), _array(head.classifier.bias)),
    )


def _folded(convolution: nn.Module, norm: nn.Module) -> Convolution:
    """A convolution that does what batch normalisation does behind it."""
    assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    assert convolution.bias is not None
    gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    weight = convolution.weight.double() * gain.reshape(-1, 1, 1, 1)
    bias = (convolution.bias.double() - norm.running_mean.double()) * gain + norm.bias.double()
    return Convolution(_array(weight), _array(bias))


def _array(tensor: Tensor | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    assert tensor is not None
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy())
