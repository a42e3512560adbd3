"""The backbone and classifier: equal to transformers' ViT when dense, saved and reloaded whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoModel,
    AutoModelForImageClassification,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
    pipeline,
)

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.vit import ViTMoEForImageClassification, ViTMoEModel

SHAPE = {
    "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 64, "image_size": 32,
}  # fmt: skip


def config(**values: object) -> ViTMoEConfig:
    return ViTMoEConfig(**(SHAPE | {"num_experts": 4, "moe_intermediate_size": 16} | values))


def test_a_dense_model_is_transformers_vit() -> None:
    theirs = ViTModel(ViTConfig(**SHAPE), add_pooling_layer=False).eval()
    ours = ViTMoEModel(config(moe_layers=[], layer_norm_eps=1e-12)).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 32, 32)
    expected = theirs(images, output_hidden_states=True)
    found = ours(images, output_hidden_states=True)
    torch.testing.assert_close(
        found.last_hidden_state, expected.last_hidden_state, rtol=0, atol=1e-5
    )
    assert len(found.hidden_states) == len(expected.hidden_states) == 5
    for mine, other in zip(found.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-5)


def test_explicit_attention_weights_change_nothing() -> None:
    model, images = ViTMoEModel(config()).eval(), torch.randn(1, 3, 32, 32)
    plain = model(images)
    explicit = model(images, output_attentions=True)
    torch.testing.assert_close(plain.last_hidden_state, explicit.last_hidden_state)
    assert [weights.shape for weights in explicit.attentions] == [(1, 4, 5, 5)] * 4
    torch.testing.assert_close(explicit.attentions[2].sum(-1), torch.ones(1, 4, 5))


def test_tasks_together_equal_tasks_alone() -> None:
    model, images = ViTMoEModel(config(num_tasks=3)).eval(), torch.randn(2, 3, 32, 32)
    together = model.run_tasks(images, [2, 0, 1], output_hidden_states=True)
    for task, output in zip([2, 0, 1], together, strict=True):
        alone = model(images, task_id=task, output_hidden_states=True)
        for mine, other in zip(output.hidden_states, alone.hidden_states, strict=True):
            assert mine.equal(other)
    assert not together[0].last_hidden_state.equal(together[1].last_hidden_state)


def test_gate_input_ahead_changes_routing_only_through_its_input() -> None:
    torch.manual_seed(0)
    behind = ViTMoEModel(config()).eval()
    ahead = ViTMoEModel(config(gate_input_ahead=True)).eval()
    ahead.load_state_dict(behind.state_dict())
    images = torch.randn(1, 3, 32, 32)
    outputs = [
        model(images, output_hidden_states=True, output_router_logits=True)
        for model in (behind, ahead)
    ]
    gate = behind.layers[1].mlp.gate.weight[0]
    expected = outputs[1].hidden_states[1].view(-1, 32) @ gate.T
    torch.testing.assert_close(outputs[1].router_logits[0], expected)
    assert not outputs[0].router_logits[0].equal(outputs[1].router_logits[0])


@pytest.mark.parametrize("task_id", [-1, 2])
def test_a_task_out_of_range_is_a_sentence(task_id: int) -> None:
    with pytest.raises(UserError, match="out of range"):
        ViTMoEModel(config(num_tasks=2))(torch.randn(1, 3, 32, 32), task_id=task_id)


def test_an_image_of_another_shape_names_both() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3, 32, 48\).*3, 32, 32"):
        ViTMoEModel(config())(torch.randn(1, 3, 32, 48))


def test_classifier_round_trip_auto_classes_and_pipeline(tmp_path: Path) -> None:
    model = ViTMoEForImageClassification(config(num_labels=5)).eval()
    model.save_pretrained(tmp_path)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    again = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert isinstance(again, ViTMoEForImageClassification)
    for name, value in model.state_dict().items():
        assert again.state_dict()[name].equal(value), name
    assert isinstance(AutoModel.from_pretrained(tmp_path), ViTMoEModel)
    classify = pipeline("image-classification", model=str(tmp_path))
    answer = classify(Image.fromarray(np.zeros((50, 80, 3), np.uint8)))
    assert sum(entry["score"] for entry in answer) == pytest.approx(1.0, abs=1e-5)


def test_auxiliary_loss_joins_the_loss_when_asked() -> None:
    model = ViTMoEForImageClassification(config(num_labels=3, router_aux_loss_coef=0.5)).eval()
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([0, 2])
    plain = model(images, labels=labels)
    with_router = model(images, labels=labels, output_router_logits=True)
    assert [logits.shape for logits in with_router.router_logits] == [(10, 4)] * 2
    torch.testing.assert_close(with_router.loss, plain.loss + 0.5 * plain.aux_loss)


def test_gradients_reach_every_parameter() -> None:
    model = ViTMoEForImageClassification(config(num_labels=3, num_experts_per_tok=4))
    model(torch.randn(2, 3, 32, 32), labels=torch.tensor([0, 2])).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_positions_may_start_as_waves_that_tell_patches_apart() -> None:
    model = ViTMoEModel(config(image_size=[32, 64], sincos_positions=True))
    positions = model.embeddings.position_embeddings[0]
    assert positions[1, :8].tolist() == [0.0] * 8  # sine of row 0
    assert positions[1, 8:16].tolist() == [1.0] * 8  # cosine of row 0
    distances = torch.cdist(positions[1:], positions[1:]) + 9 * torch.eye(8)
    assert distances.min() > 0.5
