"""The configuration: Hugging Face names, derived values, contradictions refused."""

import pytest

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig, even_expert_ranges


def test_published_spelling_is_accepted() -> None:
    config = ViTMoEConfig(
        image_size=224,
        patch_size=16,
        hidden_size=768,
        num_experts=8,
        num_experts_per_token=2,
        router_aux_loss_coef=0.001,
        router_jitter_noise=0.01,
        expert_capacity_factor=1.0,
    )
    assert config.num_experts_per_tok == config.num_experts_per_token == 2
    assert config.num_local_experts == 8
    assert config.moe_layers == [1, 3, 5, 7, 9, 11]
    assert config.grid == (14, 14)


@pytest.mark.parametrize("alias", ["num_experts_per_token", "experts_per_token"])
def test_top_k_aliases(alias: str) -> None:
    assert ViTMoEConfig(**{alias: 1}).num_experts_per_tok == 1


def test_round_trip_through_a_directory(tmp_path: object) -> None:
    config = ViTMoEConfig(
        image_size=[128, 256],
        moe_layers=[2],
        tasks=["semseg", "depth"],
        task_channels={"semseg": 9, "depth": 1},
        task_expert_ranges=[[0, 4], [4, 8]],
    )
    config.save_pretrained(tmp_path)
    assert ViTMoEConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"hidden_size": 100, "num_attention_heads": 3}, "heads"),
        ({"image_size": [100, 256]}, "patch_size"),
        ({"num_experts": 2, "num_experts_per_tok": 3}, "num_experts"),
        ({"moe_layers": [12]}, "moe_layers"),
        ({"num_attention_heads": 0}, "num_attention_heads must be at least 1"),
        ({"patch_size": 0}, "patch_size must be at least 1"),
        ({"depth_loss": "l2"}, "depth_loss"),
        ({"router_type": "noisy"}, "router_type"),
        ({"head_type": "conv"}, "head_type"),
        ({"tasks": ["depth"], "task_channels": {"depth": 1}, "num_tasks": 2}, "num_tasks"),
        ({"tasks": ["depth"]}, "task_channels"),
        ({"head_patch_grid": 3}, "head_patch_grid"),
        ({"num_channels": 1}, "image_mean"),
        ({"task_expert_ranges": [[0, 1]]}, "task_expert_ranges"),
        ({"task_expert_ranges": [[0, 4], [4, 8]]}, "one range per task"),
    ],
)
def test_contradictions_are_sentences(values: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        ViTMoEConfig(**values)


def test_even_expert_ranges_for_any_number_of_tasks() -> None:
    assert even_expert_ranges(16, 8, 1) == [[0, 8]]
    assert even_expert_ranges(16, 8, 2) == [[0, 8], [8, 16]]
    assert even_expert_ranges(16, 8, 3) == [[0, 8], [4, 12], [8, 16]]
    assert even_expert_ranges(16, 6, 5)[-1] == [10, 16]
