"""The up-sampling head in NumPy against the one in PyTorch."""

from dataclasses import replace

import numpy as np
import pytest

from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator
from m3vit.host.decoder import convolve
from m3vit.model.compiled import CompiledModel
from m3vit.model.parameters import Convolution, Decoder
from m3vit.model.synthetic import NANO, random_model

torch = pytest.importorskip("torch")
SIZE = (32, 48)


@pytest.fixture(scope="module", params=[4, 2], ids=["four convolutions", "two"])
def networks(request):
    """The float model with batch norms in use, and the compiled one."""
    from m3vit.model.config import ViTMoEConfig
    from m3vit.model.dense_prediction import ViTMoEForDensePrediction
    from m3vit.model.quantization.quantize import quantize

    torch.manual_seed(0)
    config = ViTMoEConfig(
        image_size=list(SIZE),
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        moe_intermediate_size=32,
        num_experts=4,
        final_layernorm=False,
        tasks=["semseg", "depth"],
        task_channels={"semseg": 9, "depth": 1},
        head_type="upsampling",
        head_convolutions=request.param,
        head_kernel_size=5,
    )
    model = ViTMoEForDensePrediction(config).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.normal_()
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8)
    return model, quantize(model, images), images


def test_a_prediction_is_what_pytorch_makes_of_the_tokens(networks, tmp_path):
    model, compiled, images = networks
    compiled.save(tmp_path / "model")
    accelerator = Accelerator(CompiledModel.load(tmp_path / "model"))
    for task, channels in (("semseg", 9), ("depth", 1)):
        result = accelerator.run(images[0], task)
        tokens = torch.from_numpy(result.output.astype(np.float32) * np.float32(result.scale))
        with torch.no_grad():
            maps = model.heads[task](tokens[None])
            maps = torch.nn.functional.interpolate(maps, SIZE, mode="bilinear")[0].numpy()
        found = result.prediction()
        assert found.shape == (channels, *SIZE) and found.dtype == np.float32
        np.testing.assert_allclose(found, maps, rtol=1e-4, atol=1e-4 * np.abs(maps).max())


def test_decoders_are_no_parameters_of_the_engine(networks):
    _, compiled, images = networks
    without = replace(compiled, parameters=replace(compiled.parameters, decoders={}))
    results = [Accelerator(model).run(images[0], "depth") for model in (compiled, without)]
    assert results[0].digest == results[1].digest
    assert results[0].weight_bytes == results[1].weight_bytes
    with pytest.raises(UserError, match="ends with 'tokens'"):
        results[1].prediction()


def convolution(outputs, inputs, size=1):
    return Convolution(np.ones((outputs, inputs, size, size), np.float32), np.zeros(outputs, "f4"))


def test_a_convolution_has_zeros_around():
    sums = convolve(convolution(2, 3, size=3), np.ones((3, 3, 4), np.float32))
    np.testing.assert_array_equal(sums[1], 3 * np.array([[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]))


def test_decoders_that_do_not_fit_are_refused():
    norm = np.ones(32, np.float32), np.zeros(32, np.float32), np.asarray(1e-6, np.float32)
    with pytest.raises(UserError, match="convolution 1 takes 9 channels and there are 8"):
        Decoder(*norm, (convolution(8, 32, 3),), convolution(1, 9))
    decoder = Decoder(*norm, (convolution(8, 32, 3),), convolution(1, 8))
    linear, tokens = random_model(), random_model(replace(NANO, head="tokens"))
    for model, task in ((linear, "depth"), (tokens, "edges")):
        with pytest.raises(UserError, match=f"no task needs the decoder '{task}'"):
            replace(model, parameters=replace(model.parameters, decoders={task: decoder}))
    narrow = random_model(replace(NANO, head="tokens", width=16))
    with pytest.raises(UserError, match=r"decoders\.depth\.gain"):
        replace(narrow, parameters=replace(narrow.parameters, decoders={"depth": decoder}))
