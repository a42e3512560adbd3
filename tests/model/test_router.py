"""The gate: ties, conditioning, ranges, pruning and balance losses."""

import math

import pytest
import torch

from m3vit.errors import UserError
from m3vit.model.config import ViTMoEConfig
from m3vit.model.router import Router, expected_load, squared_variation


def build(**values: object) -> Router:
    defaults: dict[str, object] = {
        "hidden_size": 8, "num_attention_heads": 2, "num_experts": 4, "num_tasks": 2,
    }  # fmt: skip
    router = Router(ViTMoEConfig(**(defaults | values))).eval()
    torch.nn.init.normal_(router.weight, generator=torch.Generator().manual_seed(0))
    return router


def test_ties_go_to_the_lower_expert() -> None:
    router = build()
    router.weight.data.zero_()
    routing = router(torch.ones(3, 8), 0, None)
    assert routing.experts.tolist() == [[0, 1]] * 3
    assert routing.scores.tolist() == [[0.25, 0.25]] * 3


def test_scores_are_a_softmax_over_all_experts() -> None:
    router, tokens = build(), torch.randn(5, 8)
    routing = router(tokens, 1, None)
    expected = (tokens @ router.weight[1].T).softmax(-1).topk(2)
    torch.testing.assert_close(routing.scores, expected.values)
    assert routing.experts.tolist() == expected.indices.tolist()
    assert bool((routing.scores.sum(-1) < 1).all())


def test_renormalised_scores_sum_to_one() -> None:
    routing = build(norm_topk_prob=True)(torch.randn(5, 8), 0, None)
    torch.testing.assert_close(routing.scores.sum(-1), torch.ones(5))


def test_each_task_has_its_gate_and_a_shared_one_ignores_it() -> None:
    tokens = torch.randn(32, 8)
    multi, shared = build(), build(router_type="shared")
    assert multi(tokens, 0, None).logits.ne(multi(tokens, 1, None).logits).any()
    assert shared(tokens, None, None).logits.equal(shared(tokens, 1, None).logits)


@pytest.mark.parametrize("router_type", ["multi_gate", "task_embedding"])
def test_routing_by_task_needs_a_task(router_type: str) -> None:
    with pytest.raises(UserError, match="task_id"):
        build(router_type=router_type, task_embedding_size=3)(torch.randn(2, 8), None, None)


def test_ranges_keep_a_task_on_its_experts() -> None:
    router = build(router_type="shared", task_expert_ranges=[[0, 2], [2, 4]])
    first = router(torch.randn(20, 8), 0, None)
    second = router(torch.randn(20, 8), 1, None)
    assert set(first.experts.flatten().tolist()) == {0, 1}
    assert set(second.experts.flatten().tolist()) == {2, 3}
    torch.testing.assert_close(second.scores.sum(-1), torch.ones(20))


def test_pruning_zeroes_scores_at_the_threshold() -> None:
    router = build(expert_prune_threshold=0.25)
    router.weight.data.zero_()
    assert router(torch.ones(1, 8), 0, None).scores.tolist() == [[0.0, 0.0]]


def test_noise_only_in_training() -> None:
    router, tokens = build(router_noise_std=4.0), torch.randn(64, 8)
    assert router(tokens, 0, None).experts.equal(router(tokens, 0, None).experts)
    router.train()
    assert not router(tokens, 0, None).scores.equal(router(tokens, 0, None).scores)


def test_expected_load_of_a_clear_and_of_an_open_choice() -> None:
    clean = torch.tensor([[9.0, 5.0, 0.0]])
    load = expected_load(clean, clean, clean, sigma=0.01, top_k=2)
    torch.testing.assert_close(load, torch.tensor([1.0, 1.0, 0.0]))
    even = torch.zeros(1, 3)
    noisy = torch.tensor([[0.3, 0.2, 0.1]])
    phi = [0.5 * (1 + math.erf(-t / math.sqrt(2))) for t in (0.1, 0.1, 0.2)]
    torch.testing.assert_close(
        expected_load(even, noisy, noisy, sigma=1.0, top_k=2), torch.tensor(phi)
    )


def test_fixed_load_sums_to_the_assignments_and_the_original_fault_does_not() -> None:
    torch.manual_seed(0)
    clean = 2 * torch.randn(500, 8)
    noisy = clean + torch.randn(500, 8)
    fixed = expected_load(clean, noisy, noisy, 1.0, 2).sum().item()
    faulty = expected_load(clean, noisy, noisy.softmax(-1), 1.0, 2).sum().item()
    assert abs(fixed - 1000) < 60
    assert abs(faulty - 1000) > 300


def test_squared_variation() -> None:
    assert squared_variation(torch.tensor([1.0, 3.0])).item() == pytest.approx(0.5)
    assert squared_variation(torch.tensor([7.0])).item() == 0.0
    assert squared_variation(torch.zeros(4)).item() == 0.0


def test_the_auxiliary_loss_has_a_gradient_through_the_load() -> None:
    router = build(router_noise_std=1.0).train()
    router(torch.randn(16, 8), 0, None).aux_loss.backward()
    assert router.weight.grad is not None
    assert bool(router.weight.grad[0].abs().sum() > 0)
    assert bool((router.weight.grad[1] == 0).all())
