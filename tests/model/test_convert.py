"""Import of original checkpoints: parity with the original's outputs, and every refusal."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.convert import from_m3vit, import_checkpoint, to_m3vit
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.vit import ViTMoEModel

ORACLE = Path(__file__).parents[2] / ".." / "shared" / "oracle"
TOLERANCE = {"f32": 2e-5, "f64": 1e-11}

needs_oracle = pytest.mark.skipif(
    not ORACLE.exists(), reason="parity data of the original code is not here"
)


def oracle(name: str) -> tuple[dict[str, Tensor], dict[str, Any], Any]:
    state_dict = torch.load(ORACLE / f"{name}.state_dict.pt", weights_only=True)
    options = json.loads((ORACLE / f"{name}.config.json").read_text())
    return state_dict, options, np.load(ORACLE / f"{name}.io.npz")


@needs_oracle
@pytest.mark.parametrize("name", ["small_multigate", "small_taskembed", "small_top3"])
@pytest.mark.parametrize("precision", ["f32", "f64"])
@pytest.mark.parametrize("task", [0, 1])
def test_parity_with_the_original(name: str, precision: str, task: int) -> None:
    state_dict, options, data = oracle(name)
    prefix = f"{precision}/task{task}"
    if f"{prefix}/block0" not in data:
        pytest.skip("the original cannot run this variant in double precision")
    dtype = torch.float32 if precision == "f32" else torch.float64
    model = from_m3vit(state_dict, options).to(dtype)
    with torch.no_grad():
        images = torch.tensor(data["x"]).to(dtype)
        outputs = model(images, task_id=task, output_hidden_states=True, output_router_logits=True)
    for block in range(4):
        difference = outputs.hidden_states[block + 1].numpy() - data[f"{prefix}/block{block}"]
        assert np.abs(difference).max() <= TOLERANCE[precision]
    gate = f"gate.{task}" if options["multi_gate"] else "gate"
    for layer, experts in zip((1, 3), outputs.router_experts, strict=True):
        expected = data[f"{prefix}/blocks.{layer}.mlp.{gate}.idx"]
        np.testing.assert_array_equal(experts.numpy(), expected)


@needs_oracle
def test_training_parity_noise_auxiliary_losses_and_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state_dict, options, data = oracle("small_multigate_train")
    model = from_m3vit(state_dict, options).train()
    for task in (0, 1):
        stem = f"task{task}/blocks.{{}}.mlp.gate.{task}"
        noise = [torch.tensor(data[f"{stem.format(layer)}.noise"]) for layer in (1, 3)]
        monkeypatch.setattr(torch, "randn_like", lambda _, queue=noise: queue.pop(0))
        outputs = model(torch.tensor(data["x"]), task_id=task, output_hidden_states=True)
        expected = sum(float(data[f"{stem.format(layer)}.aux"]) for layer in (1, 3))
        assert outputs.aux_loss.item() == pytest.approx(expected, rel=1e-5)
        last = outputs.hidden_states[-1]
        np.testing.assert_allclose(
            last.detach().numpy(), data[f"task{task}/block3"], rtol=0, atol=2e-5
        )
        ramp = torch.linspace(-1, 1, last.numel()).view(last.shape)
        ((last * ramp).sum() + 0.01 * outputs.aux_loss).backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    found = to_m3vit(gradients, model.config)
    expected_names = {name.removeprefix("grad/") for name in data if name.startswith("grad/")}
    assert set(found) == expected_names
    for name, gradient in found.items():
        expected_gradient = data[f"grad/{name}"]
        scale = np.abs(expected_gradient).max() + 1e-6
        assert np.abs(gradient.numpy() - expected_gradient).max() <= 1e-5 * scale, name


OPTIONS: dict[str, Any] = {
    "img_size": [32, 64], "embed_dim": 16, "depth": 3, "num_heads": 2, "mlp_ratio": 2.0,
    "qkv_bias": "True,", "drop_rate": 0.0, "moe_mlp_ratio": 1, "moe_experts": 4, "moe_top_k": 2,
    "gate_dim": 18, "moe_gate_type": "noisy_vmoe", "gate_task_specific_dim": -1,
    "multi_gate": True,
}  # fmt: skip


def original(options: dict[str, Any], tasks: dict[str, int] | None = None) -> dict[str, Tensor]:
    """A random checkpoint under the original's names, made by the inverse mapping."""
    torch.manual_seed(0)
    extra = options.get("gate_task_specific_dim", -1)
    config = ViTMoEConfig(
        image_size=options["img_size"],
        hidden_size=16,
        num_hidden_layers=options["depth"],
        num_attention_heads=2,
        intermediate_size=32,
        moe_intermediate_size=16,
        num_experts=4,
        qkv_bias=bool(options["qkv_bias"]),
        final_layernorm=False,
        num_tasks=2,
        router_type="multi_gate" if options["multi_gate"] else
        "task_embedding" if extra >= 0 else "shared",
        task_embedding_size=max(1, extra),
    )  # fmt: skip
    tensors = to_m3vit(ViTMoEModel(config).state_dict(), config)
    if tasks is None:
        return tensors
    tensors = {f"backbone.{name}": value for name, value in tensors.items()}
    for task, channels in tasks.items():
        stem = f"decoders.{task}"
        tensors[f"{stem}.norm.weight"] = torch.rand(16)
        tensors[f"{stem}.norm.bias"] = torch.rand(16)
        width = 16
        for index in range(4):
            tensors[f"{stem}.conv_{index}.weight"] = 0.05 * torch.randn(256, width, 3, 3)
            tensors[f"{stem}.conv_{index}.bias"] = torch.randn(256)
            for part in ("weight", "bias", "running_mean"):
                tensors[f"{stem}.syncbn_fc_{index}.{part}"] = torch.randn(256)
            tensors[f"{stem}.syncbn_fc_{index}.running_var"] = torch.rand(256) + 0.5
            tensors[f"{stem}.syncbn_fc_{index}.num_batches_tracked"] = torch.tensor(3)
            width = 256
        tensors[f"{stem}.conv_4.weight"] = 0.05 * torch.randn(channels, 256, 1, 1)
        tensors[f"{stem}.conv_4.bias"] = torch.randn(channels)
    return tensors


def test_names_and_layouts_survive_the_round_trip() -> None:
    tensors = original(OPTIONS)
    model = from_m3vit(tensors, OPTIONS)
    again = to_m3vit(model.state_dict(), model.config)
    assert set(again) == set(tensors)
    for name, value in tensors.items():
        assert again[name].equal(value), name


def test_a_training_checkpoint_with_wrappers_and_unused_tensors() -> None:
    tensors = original(OPTIONS)
    wrapped = {"epoch": 3, "state_dict": {f"module.{n}": v for n, v in tensors.items()}}
    wrapped["state_dict"] |= {
        "module.dist_token": torch.zeros(1, 1, 16),
        "module.blocks.1.mlp.gate.0.w_gate_aux": torch.zeros(16, 4),
        "module.blocks.1.mlp.gate.0.head.weight": torch.zeros(40, 4),
    }
    plain, unwrapped = from_m3vit(tensors, OPTIONS), from_m3vit(wrapped, OPTIONS)
    for name, value in plain.state_dict().items():
        assert unwrapped.state_dict()[name].equal(value)


@pytest.mark.parametrize(
    "change",
    [
        {"qkv_bias": False},
        {"multi_gate": False},
        {"multi_gate": False, "gate_task_specific_dim": 5},
        {"gate_input_ahead": True},
        {"expert_prune": True},
        {"depth": 4},
        {"qk_scale": 0.5},
        {"moe_top_k": 4},
    ],
)
def test_variants_load_and_run(change: dict[str, Any]) -> None:
    options = OPTIONS | change
    model = from_m3vit(original(options), options)
    outputs = model(torch.randn(1, 3, 32, 64), task_id=1, output_hidden_states=True)
    assert len(outputs.hidden_states) == options["depth"] + 1


def test_reserved_experts_keep_the_originals_accumulated_offsets() -> None:
    options = OPTIONS | {
        "multi_gate": False, "regu_experts_fromtask": True, "num_experts_pertask": 2,
        "num_tasks": 2,
    }  # fmt: skip
    model = from_m3vit(original(options), options)
    assert model.config.task_expert_ranges == [[0, 2], [2, 4]]
    images = torch.randn(1, 3, 32, 64)
    outputs = model(images, task_id=1, output_router_logits=True)
    assert set(outputs.router_experts[0].flatten().tolist()) == {2, 3}


def test_decoders_make_the_multi_task_model_and_equal_the_plain_definition() -> None:
    tensors = original(OPTIONS, {"depth": 1, "semseg": 7})
    model = from_m3vit(tensors, OPTIONS)
    assert isinstance(model, ViTMoEForDensePrediction)
    assert model.config.tasks == ["semseg", "depth"]
    images = torch.randn(2, 3, 32, 64)
    with torch.no_grad():
        outputs = model(images)
        tokens = model.vit(images, task_id=1, output_hidden_states=True).hidden_states[-1]
    maps = torch.nn.functional.layer_norm(
        tokens[:, 1:], (16,), tensors["decoders.depth.norm.weight"],
        tensors["decoders.depth.norm.bias"], eps=1e-6,
    ).transpose(1, 2).reshape(2, 16, 2, 4)  # fmt: skip
    for index in range(4):
        stem = f"decoders.depth.conv_{index}"
        maps = torch.conv2d(maps, tensors[f"{stem}.weight"], tensors[f"{stem}.bias"], padding=1)
        stem = f"decoders.depth.syncbn_fc_{index}"
        mean, variance = tensors[f"{stem}.running_mean"], tensors[f"{stem}.running_var"]
        maps = torch.nn.functional.batch_norm(
            maps, mean, variance, tensors[f"{stem}.weight"], tensors[f"{stem}.bias"], eps=1e-5
        ).relu()
        if index < 3:
            maps = torch.nn.functional.interpolate(maps, scale_factor=2, mode="bilinear")
    stem = "decoders.depth.conv_4"
    maps = torch.conv2d(maps, tensors[f"{stem}.weight"], tensors[f"{stem}.bias"])
    maps = torch.nn.functional.interpolate(maps, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(outputs["depth"], maps, rtol=1e-4, atol=1e-4)
    assert outputs["semseg"].shape == (2, 7, 32, 64)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t: t.pop("blocks.1.mlp.experts.htoh4.bias"), "lacks"),
        (lambda t: t.update({"blocks.9.norm1.weight": torch.ones(16)}), "blocks.9|layers.9"),
        (lambda t: t.update({"pos_embed": torch.zeros(1, 10, 16)}), r"\(1, 10, 16\).*\(1, 9, 16\)"),
        (lambda t: t["cls_token"].fill_(float("nan")), "NaN"),
        (lambda t: t["blocks.0.norm1.bias"].fill_(float("inf")), "infinite"),
        (lambda t: t.pop("blocks.1.mlp.gate.1.w_gate"), "gates"),
        (lambda t: t.update({"epoch": 3}), "no tensor"),
    ],
)
def test_damaged_checkpoints_are_refused_by_name(damage: Any, words: str) -> None:
    tensors = original(OPTIONS)
    damage(tensors)
    with pytest.raises(UserError, match=words):
        from_m3vit(tensors, OPTIONS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"moe_gate_type": "noisy"}, "noisy_vmoe"),
        ({"hybrid_backbone": "resnet"}, "hybrid_backbone"),
        ({"gate_task_specific_dim": 8}, "exclude each other"),
        ({"regu_experts_fromtask": True, "num_experts_pertask": 2}, "exclude each other"),
        ({"gate_dim": 16}, "gate_dim"),
        ({"embed_dim": "wide"}, "embed_dim"),
        ({"img_size": [32]}, "img_size"),
        ({"depth": 2.5}, "depth"),
    ],
)
def test_options_that_cannot_be_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        from_m3vit(original(OPTIONS), OPTIONS | change)


def test_import_writes_a_model_directory(tmp_path: Path) -> None:
    checkpoint, options = tmp_path / "checkpoint.pt", tmp_path / "options.json"
    torch.save(original(OPTIONS, {"depth": 1, "semseg": 7}), checkpoint)
    options.write_text(json.dumps(OPTIONS))
    model = import_checkpoint(checkpoint, options, tmp_path / "model")
    again = ViTMoEForDensePrediction.from_pretrained(tmp_path / "model").eval()
    images = torch.randn(1, 3, 32, 64)
    assert again(images)["depth"].equal(model(images)["depth"])
    processor = json.loads((tmp_path / "model" / "preprocessor_config.json").read_text())
    assert processor["do_normalize"] is False
    assert processor["size"] == {"height": 32, "width": 64}
    import_checkpoint(checkpoint, options, tmp_path / "model", imagenet_normalisation=True)
    processor = json.loads((tmp_path / "model" / "preprocessor_config.json").read_text())
    assert processor["image_mean"] == [0.485, 0.456, 0.406]


def test_a_refused_import_writes_nothing(tmp_path: Path) -> None:
    checkpoint, options = tmp_path / "checkpoint.pt", tmp_path / "options.json"
    tensors = original(OPTIONS)
    tensors["cls_token"].fill_(float("nan"))
    torch.save(tensors, checkpoint)
    options.write_text(json.dumps(OPTIONS))
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(UserError, match="cls_token"):
        import_checkpoint(checkpoint, options, tmp_path / "model")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", None])
def test_unreadable_files_are_sentences(tmp_path: Path, content: bytes | None) -> None:
    checkpoint, options = tmp_path / "checkpoint.pt", tmp_path / "options.json"
    options.write_text(json.dumps(OPTIONS))
    if content is not None:
        checkpoint.write_bytes(content)
    with pytest.raises(UserError, match="cannot read the checkpoint"):
        import_checkpoint(checkpoint, options, tmp_path / "model")
    options.write_text("{")
    with pytest.raises(UserError, match="cannot read the options"):
        import_checkpoint(checkpoint, options, tmp_path / "model")
