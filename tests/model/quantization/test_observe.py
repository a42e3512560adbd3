"""Float activations carry the names and shapes of the integer trace."""

import numpy as np
import pytest
import torch

from m3vit.model.quantization.observe import normalised, observe
from m3vit.model.quantization.quantize import quantize
from m3vit.model.reference import Reference


def test_names_and_shapes_are_those_of_the_trace(small_model, smooth_images):
    compiled, trace = quantize(small_model, smooth_images[:2]), {}
    Reference(compiled).run(smooth_images[0], "depth", trace)
    pixels = normalised(smooth_images[:3], small_model.config)
    found = observe(small_model, pixels, "depth")
    only_integer = {name for name in trace if name.endswith(("attention.logits", ".weights"))}
    assert set(trace) - set(found) == only_integer
    for name in set(found) & set(trace):
        assert found[name].shape == (3, *trace[name].shape), name


def test_observing_changes_nothing(small_model, smooth_images):
    pixels = normalised(smooth_images[:1], small_model.config)
    expected = small_model(pixels, tasks=["depth"])["depth"]
    small_model.train()
    observe(small_model, pixels, "depth")
    assert small_model.training
    small_model.eval()
    assert torch.equal(small_model(pixels, tasks=["depth"])["depth"], expected)
    assert not any(module._forward_hooks for module in small_model.modules())


@pytest.mark.parametrize("level", [0, 255])
def test_normalised(small_model, level):
    image = np.full((48, 64, 3), level, np.uint8)
    pixels = normalised([image], small_model.config)
    assert pixels.shape == (1, 3, 48, 64)
    assert torch.allclose(pixels, torch.tensor((level / 255 - 0.5) / 0.5))
