"""Dispatch and combine against the plain definition."""

import pytest
import torch
from torch import Tensor

from m3vit.model.config import ViTMoEConfig
from m3vit.model.moe import MixtureOfExperts


def build(**values: object) -> MixtureOfExperts:
    defaults: dict[str, object] = {
        "hidden_size": 8, "num_attention_heads": 2, "num_experts": 4, "intermediate_size": 16,
    }  # fmt: skip
    moe = MixtureOfExperts(ViTMoEConfig(**(defaults | values))).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in moe.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return moe


def by_definition(moe: MixtureOfExperts, tokens: Tensor, experts: Tensor, scores: Tensor) -> Tensor:
    """Sum over the kept experts of score times MLP, token by token."""
    out = torch.zeros_like(tokens)
    for token in range(len(tokens)):
        for expert, score in zip(experts[token].tolist(), scores[token], strict=True):
            weights = moe.experts
            raised = weights.up_proj[expert] @ tokens[token] + weights.up_proj_bias[expert]
            active = torch.nn.functional.gelu(raised)
            out[token] += score * (
                weights.down_proj[expert] @ active + weights.down_proj_bias[expert]
            )
    return out


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_equals_the_definition(top_k: int) -> None:
    moe, tokens = build(num_experts_per_tok=top_k), torch.randn(2, 6, 8)
    combined, routing = moe(tokens, tokens, 0, None)
    expected = by_definition(moe, tokens.view(12, 8), routing.experts, routing.scores)
    torch.testing.assert_close(combined.view(12, 8), expected, rtol=1e-4, atol=1e-4)


def test_all_tokens_on_one_expert_and_the_others_untouched() -> None:
    moe = build(num_experts_per_tok=1)
    moe.gate.weight.data.zero_()
    moe.gate.weight.data[:, 2, 0] = 100.0
    tokens = torch.rand(1, 5, 8) + 0.1
    combined, routing = moe(tokens, tokens, 0, None)
    assert set(routing.experts.flatten().tolist()) == {2}
    combined.sum().backward()
    gradient = moe.experts.up_proj.grad
    assert gradient is not None
    assert [bool(part.any()) for part in gradient] == [False, False, True, False]


def test_the_gate_reads_its_own_input() -> None:
    moe, tokens = build(), torch.randn(1, 6, 8)
    _, own = moe(tokens, torch.randn(1, 6, 8), 0, None)
    _, same = moe(tokens, tokens, 0, None)
    assert not own.logits.equal(same.logits)


def test_capacity_seats_first_choices_first_and_drops_the_rest() -> None:
    moe = build(expert_capacity_factor=0.5, num_experts_per_tok=2)
    moe.gate.weight.data.zero_()  # every token chooses experts 0 and 1
    tokens = torch.randn(1, 16, 8)  # capacity ceil(16 * 2 * 0.5 / 4) = 4 tokens an expert
    combined, routing = moe(tokens, tokens, 0, None)
    expected = by_definition(moe, tokens[0, :4], routing.experts[:4], routing.scores[:4])
    torch.testing.assert_close(combined[0, :4], expected, rtol=1e-4, atol=1e-4)
    assert bool((combined[0, 4:] == 0).all())


def test_capacity_of_an_image_does_not_depend_on_its_batch() -> None:
    moe, tokens = build(expert_capacity_factor=0.5), torch.randn(3, 16, 8)
    together, _ = moe(tokens, tokens, 0, None)
    alone, _ = moe(tokens[1:2], tokens[1:2], 0, None)
    torch.testing.assert_close(together[1:2], alone)
