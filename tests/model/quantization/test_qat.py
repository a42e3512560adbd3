"""Quantisation-aware training: what it rounds is what the integers round."""

import copy

import numpy as np
import pytest
import torch
from brevitas.nn import QuantIdentity
from torch import nn

from m3vit.errors import UserError
from m3vit.model.loading import load_float_model
from m3vit.model.quantization.calibrate import calibrate
from m3vit.model.quantization.compiler import compile_model
from m3vit.model.quantization.observe import normalised, observe
from m3vit.model.quantization.qat import RoundedWeight, finish, prepare
from m3vit.model.reference import Reference


@pytest.fixture
def model(small_model):
    return copy.deepcopy(small_model)


def sqnr(signal, other):
    return 10 * np.log10((signal**2).sum() / ((signal - other) ** 2).sum())


def test_the_fake_network_is_closer_to_the_integers_than_the_float_one(model, smooth_images):
    compiled = compile_model(model, calibrate(model, smooth_images[:8]))
    fake = copy.deepcopy(model)
    prepare(fake, smooth_images[:8])
    close, far = [], []
    for image in smooth_images[8:]:
        run = Reference(compiled).run(image, "semseg")
        pixels = normalised([image], model.config)
        for network, found in ((fake, close), (model, far)):
            real = observe(network, pixels, "semseg")["heads.semseg.output"][0].numpy()
            found.append(sqnr(real, run.output * run.scale))
    assert np.mean(close) > np.mean(far)


def test_every_point_and_every_weight_is_rounded(model, smooth_images):
    names = {name for name, module in model.named_modules() if name.endswith("_point")}
    prepare(model, smooth_images[:2])
    left = {name for name, module in model.named_modules() if type(module) is nn.Identity}
    assert not names & left
    quantisers = [m for m in model.modules() if isinstance(m, QuantIdentity)]
    assert len(quantisers) == len(names)
    up = model.vit.layers[1].mlp.experts.up_proj
    steps = up.abs().amax(-1, keepdim=True) / 127
    codes = up / steps
    assert torch.allclose(codes, codes.round(), atol=1e-3)


def test_training_moves_weights_and_ranges_and_finish_keeps_them(model, smooth_images, tmp_path):
    prepare(model, smooth_images[:4])
    pixels = normalised(smooth_images[:2], model.config)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    before = copy.deepcopy(model.state_dict())
    for _ in range(2):
        outputs = model(pixels)
        loss = sum(output.square().mean() for output in outputs.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    moved = [name for name, value in model.state_dict().items() if not value.equal(before[name])]
    assert any("scaling_impl" in name for name in moved)
    assert any("zero_point_impl" in name for name in moved)
    assert any("up_proj.original" in name for name in moved)

    model.eval()
    prepared = {task: output.clone() for task, output in model(pixels).items()}
    learnt = model.vit.layers[1].mlp.experts.parametrizations.up_proj.original.detach().clone()
    finish(model)
    assert torch.equal(model.vit.layers[1].mlp.experts.up_proj, learnt)
    assert not any(isinstance(module, QuantIdentity) for module in model.modules())

    model.save_pretrained(tmp_path)
    loaded = load_float_model(tmp_path)
    calibration = calibrate(loaded, smooth_images[:1])
    compiled = compile_model(loaded, calibration)
    low, high = model.config.activation_ranges["layers.1.mlp.input"]
    scale = compiled.description.scales["layers.1.mlp.input"]
    assert scale["scale"] == pytest.approx((high - low) / 255)
    run = Reference(compiled).run(smooth_images[0], "depth")
    assert run.output.shape == (48, 4)
    assert all(torch.isfinite(output).all() for output in prepared.values())


def test_a_prepared_state_restores_exactly(model, smooth_images):
    other = copy.deepcopy(model)
    prepare(model, smooth_images[:2])
    prepare(other, smooth_images[2:4])
    other.load_state_dict(model.state_dict())
    pixels = normalised(smooth_images[:1], model.config)
    for task, output in model(pixels).items():
        assert torch.equal(other(pixels)[task], output)


def test_finishing_without_training_keeps_ranges_and_weights(model, smooth_images):
    calibration = calibrate(model, smooth_images[:4])
    weights = copy.deepcopy(model.state_dict())
    prepare(model, smooth_images[:4])
    finish(model)
    for name, value in weights.items():
        assert torch.equal(model.state_dict()[name], value), name
    again = calibrate(model, smooth_images[:4])
    for name in ("layers.0.attention.input", "layers.1.mlp.hidden", "layers.2.attention.key"):
        largest = calibration.magnitude(name)
        assert np.all(np.abs(again.magnitude(name) - largest) <= largest / 120), name


def test_preparing_twice_is_refused(model, smooth_images):
    prepare(model, smooth_images[:1])
    with pytest.raises(UserError, match=r"prepared .* already"):
        prepare(model, smooth_images[:1])


def test_rounded_weights_leave_other_columns_alone():
    weight = torch.randn(2, 4, 10)
    rounded = RoundedWeight(columns=8)(weight)
    assert torch.equal(rounded[..., 8:], weight[..., 8:])
    assert not torch.equal(rounded[..., :8], weight[..., :8])
    step = weight[..., :8].abs().amax(-1, keepdim=True) / 127
    assert torch.all((rounded - weight)[..., :8].abs() <= step / 2 + 1e-7)


def test_rounding_passes_gradients_straight_through():
    weight = torch.randn(3, 5, requires_grad=True)
    RoundedWeight()(weight).sum().backward()
    assert torch.allclose(weight.grad, torch.ones_like(weight))
