"""M³ViT: tasks alone and together, heads, losses."""

from pathlib import Path

import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction

CHANNELS = {"semseg": 5, "depth": 1}


def build(**values: object) -> ViTMoEForDensePrediction:
    torch.manual_seed(0)
    defaults: dict[str, object] = {
        "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2,
        "intermediate_size": 32, "image_size": [32, 64], "num_experts": 4,
        "tasks": list(CHANNELS), "task_channels": CHANNELS,
    }  # fmt: skip
    return ViTMoEForDensePrediction(ViTMoEConfig(**(defaults | values))).eval()


def labels() -> dict[str, torch.Tensor]:
    return {
        "semseg": torch.randint(0, 5, (2, 32, 64)),
        "depth": torch.rand(2, 1, 32, 64) + 1.0,
    }


@pytest.mark.parametrize("router_type", ["multi_gate", "task_embedding", "shared"])
@pytest.mark.parametrize("head_type", ["linear", "upsampling"])
def test_a_mapping_from_task_to_logits_at_input_resolution(
    router_type: str, head_type: str
) -> None:
    model = build(router_type=router_type, head_type=head_type)
    images = torch.randn(2, 3, 32, 64)
    everything = model(images)
    assert {task: value.shape for task, value in everything.items()} == {
        "semseg": (2, 5, 32, 64),
        "depth": (2, 1, 32, 64),
    }
    alone = model(images, tasks=["depth"])
    assert list(alone) == ["depth"]
    torch.testing.assert_close(alone["depth"], everything["depth"])


def test_one_task_touches_only_its_gate_and_head() -> None:
    model = build()
    model(torch.randn(1, 3, 32, 64), tasks=["depth"])["depth"].sum().backward()
    gradient = model.vit.layers[1].mlp.gate.weight.grad
    assert not gradient[0].any()
    assert gradient[1].any()
    assert model.heads["semseg"].projection.weight.grad is None


def test_cells_of_the_linear_head_land_where_they_belong() -> None:
    model = build(head_patch_grid=4)
    head = model.heads["semseg"]
    head.projection.weight.data.zero_()
    head.projection.bias.data = torch.arange(5 * 16, dtype=torch.float32)
    cells = head(torch.randn(1, 9, 16))
    assert cells.shape == (1, 5, 8, 16)
    expected = torch.arange(5 * 16, dtype=torch.float32).view(5, 4, 4)
    assert cells[0, :, 4:8, 8:12].equal(expected)


def test_loss_is_the_weighted_sum_and_aux_joins_in_training() -> None:
    model = build(task_weights={"depth": 0.25}, router_aux_loss_coef=2.0)
    truth = labels()
    images = torch.randn(2, 3, 32, 64)
    outputs = model(images, labels=truth)
    weighted = outputs.losses["semseg"] + 0.25 * outputs.losses["depth"]
    torch.testing.assert_close(outputs.loss, weighted)
    trained = model.train()(images, labels=truth)
    torch.testing.assert_close(trained.loss, weighted + 2.0 * trained.aux_loss)


def test_a_shared_pass_counts_its_auxiliary_loss_once() -> None:
    model = build(router_type="shared")
    images = torch.randn(1, 3, 32, 64)
    both, one = model(images), model(images, tasks=["depth"])
    torch.testing.assert_close(both.aux_loss, one.aux_loss)
    twice = build()(images)
    assert len({id(output) for output in twice.backbone.values()}) == 2


def test_round_trip(tmp_path: Path) -> None:
    model = build(head_type="upsampling")
    model.save_pretrained(tmp_path)
    again = ViTMoEForDensePrediction.from_pretrained(tmp_path).eval()
    images = torch.randn(1, 3, 32, 64)
    assert again(images)["semseg"].equal(model(images)["semseg"])


def test_unknown_task_is_a_sentence() -> None:
    with pytest.raises(UserError, match="semseg, depth"):
        build()(torch.randn(1, 3, 32, 64), tasks=["edge"])


def test_a_model_without_tasks_is_a_sentence() -> None:
    with pytest.raises(UserError, match="needs tasks"):
        ViTMoEForDensePrediction(ViTMoEConfig())
