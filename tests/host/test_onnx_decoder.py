"""A head of the user's own: from PyTorch through a file to a prediction on the host."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from m3vit.errors import UserError
from m3vit.host.accelerator import Accelerator
from m3vit.host.onnx_decoder import OnnxDecoder
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.export_decoder import export_decoder
from m3vit.model.quantization.quantize import quantize
from m3vit.model.synthetic import random_image, random_model

SIZE, TOKENS, WIDTH = (32, 48), 25, 32


class OwnHead(nn.Module):
    """One that this project does not know: class token added, transposed convolution, sigmoid."""

    def __init__(self):
        super().__init__()
        self.spread = nn.ConvTranspose2d(WIDTH, 5, kernel_size=4, stride=4)

    def forward(self, tokens):
        patches = tokens[:, 1:] + tokens[:, :1]
        return torch.sigmoid(self.spread(patches.transpose(1, 2).unflatten(2, (4, 6))))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    config = ViTMoEConfig(
        image_size=list(SIZE),
        patch_size=8,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        moe_intermediate_size=32,
        num_experts=4,
        tasks=["depth"],
        task_channels={"depth": 1},
        head_type="upsampling",
    )
    return ViTMoEForDensePrediction(config).eval()


@pytest.fixture(scope="module")
def result(network):
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8)
    return Accelerator(quantize(network, images)).run(images[0], "depth")


def test_a_head_of_one_s_own_predicts_from_the_engine_s_tokens(result, tmp_path):
    torch.manual_seed(1)
    head = OwnHead()
    export_decoder(head, TOKENS, WIDTH, tmp_path / "head.onnx")
    found = result.prediction(OnnxDecoder(tmp_path / "head.onnx", threads=1))
    tokens = torch.from_numpy(result.output.astype(np.float32) * np.float32(result.scale))
    with torch.no_grad():
        maps = nn.functional.interpolate(head(tokens[None]), SIZE, mode="bilinear")[0].numpy()
    assert found.shape == (5, *SIZE) and found.dtype == np.float32
    np.testing.assert_allclose(found, maps, rtol=1e-4, atol=1e-5)
    assert found.std() > 0.01


def test_the_model_s_head_is_the_same_in_numpy_and_in_onnx(network, result, tmp_path):
    export_decoder(network.heads["depth"], TOKENS, WIDTH, tmp_path / "head.onnx")
    ours, theirs = result.prediction(), result.prediction(OnnxDecoder(tmp_path / "head.onnx"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(ours).max())


def test_heads_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"does not take tokens of shape \(1, 9, 32\)"):
        export_decoder(OwnHead(), 9, WIDTH, tmp_path / "head.onnx")
    with pytest.raises(UserError, match=r"\(1, C, h, w\)"):
        export_decoder(nn.Linear(WIDTH, 3), TOKENS, WIDTH, tmp_path / "head.onnx")
    assert not list(tmp_path.iterdir())
    result = Accelerator(random_model()).run(random_image(), "depth")
    with pytest.raises(UserError, match="ends with 'linear' and a decoder takes tokens"):
        result.prediction(lambda tokens: tokens)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_files_that_are_no_decoders_are_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        OnnxDecoder(tmp_path / "head.onnx")
    (tmp_path / "head.onnx").write_bytes(b"something else")
    with pytest.raises(UserError, match="cannot load"):
        OnnxDecoder(tmp_path / "head.onnx")
    other = (nn.Linear(4, 2), (torch.zeros(1, 4),), tmp_path / "other.onnx")
    torch.onnx.export(*other, dynamo=False)
    with pytest.raises(UserError, match="is no decoder"):
        OnnxDecoder(tmp_path / "other.onnx")
    export_decoder(OwnHead(), TOKENS, WIDTH, tmp_path / "head.onnx")
    with pytest.raises(UserError, match=r"takes \[25, 32\] .* gives \[25, 16\]"):
        OnnxDecoder(tmp_path / "head.onnx")(np.zeros((TOKENS, 16), np.float32))


def test_without_the_packages_there_is_a_sentence(tmp_path, monkeypatch):
    export_decoder(OwnHead(), TOKENS, WIDTH, tmp_path / "head.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'm3vit\[onnx\]'"):
        OnnxDecoder(tmp_path / "head.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install 'm3vit\[onnx\]'"):
        export_decoder(OwnHead(), TOKENS, WIDTH, tmp_path / "again.onnx")
    assert not (tmp_path / "again.onnx").exists()
