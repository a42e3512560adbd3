"""The gate: which experts see a token, with what score, and how evenly they are used."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from m3vit.errors import UserError

from .config import ViTMoEConfig


@dataclass
class Routing:
    """Where the tokens of one MoE layer went.

    Attributes:
        logits: (B*T, E') clean gate logits; E' is E, or the size of the task's expert range.
        experts: (B*T, K) expert indices among all E, best first; ties go to the lower index.
        scores: (B*T, K) softmax probabilities of the kept experts.
        aux_loss: scalar importance plus load loss of this gate.
    """

    logits: Tensor
    experts: Tensor
    scores: Tensor
    aux_loss: Tensor


class Router(nn.Module):
    """M³ViT's noisy top-k gate: softmax over all experts, keep K, do not renormalise.

    Source: M³ViT (arXiv 2210.14793) section 3; the noise and the load loss are those of
    Shazeer et al. (arXiv 1701.06538) appendix A with V-MoE's fixed standard deviation.
    """

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.num_experts = config.num_experts
        self.router_type = config.router_type
        self.normalise = config.norm_topk_prob
        self.jitter = config.router_jitter_noise
        self.noise_std = config.router_noise_std
        self.probability_load_loss = config.router_probability_load_loss
        self.prune_threshold = config.expert_prune_threshold
        self.ranges = config.task_expert_ranges
        extra = config.task_embedding_size if config.router_type == "task_embedding" else 0
        self.weight = nn.Parameter(
            torch.empty(config.num_gates, config.num_experts, config.hidden_size + extra)
        )

    def forward(
        self, hidden: Tensor, task_id: int | None, task_embedding: Tensor | None
    ) -> Routing:
        """Route tokens.

        Args:
            hidden: (B*T, D) gate input.
            task_id: which gate and which range of experts; may be None with a shared gate.
            task_embedding: (task_embedding_size,), for that router type only.

        Raises:
            UserError: the gates differ by task and no task was named.
        """
        gates = self.weight.shape[0]
        if task_id is None and (gates > 1 or self.router_type == "task_embedding"):
            raise UserError(
                f"this model routes by task ({self.router_type}): pass task_id to say which"
            )
        gate = task_id if gates > 1 and task_id is not None else 0
        weight, first = self.weight[gate], 0
        if self.ranges and task_id is not None:
            first, last = self.ranges[task_id]
            weight = weight[first:last]
        if self.training and self.jitter > 0:
            low, high = 1.0 - self.jitter, 1.0 + self.jitter
            hidden = hidden * torch.empty_like(hidden).uniform_(low, high)
        if task_embedding is not None:
            hidden = torch.cat((hidden, task_embedding.expand(hidden.shape[0], -1)), dim=-1)

        clean = nn.functional.linear(hidden, weight)
        if clean.dtype in (torch.float16, torch.bfloat16):
            clean = clean.float()
        sigma = self.noise_std / clean.shape[-1] if self.training else 0.0
        noisy = clean + torch.randn_like(clean) * sigma if sigma > 0 else clean
        probabilities = noisy.softmax(dim=-1)
        # A stable sort, because topk promises no order among equal values.
        ranked, order = probabilities.sort(dim=-1, descending=True, stable=True)
        scores, experts = ranked[:, : self.top_k], order[:, : self.top_k]
        aux_loss = self._balance(clean, noisy, probabilities, scores, experts, sigma)
        if self.normalise:
            scores = scores / scores.sum(dim=-1, keepdim=True)
        if self.prune_threshold is not None:
            scores = torch.where(scores > self.prune_threshold, scores, 0.0)
        return Routing(clean, experts + first, scores, aux_loss)

    def _balance(
        self,
        clean: Tensor,
        noisy: Tensor,
        probabilities: Tensor,
        scores: Tensor,
        experts: Tensor,
        sigma: float,
    ) -> Tensor:
        """Importance loss plus load loss of one gate."""
        gates = torch.zeros_like(probabilities).scatter(1, experts, scores)
        if self.top_k < clean.shape[-1] and sigma > 1e-6:
            compared = probabilities if self.probability_load_loss else noisy
            load = expected_load(clean, noisy, compared, sigma, self.top_k)
        else:
            load = (gates > 0).sum(dim=0).float()
        return squared_variation(gates.sum(dim=0)) + squared_variation(load)


def expected_load(
    clean: Tensor, noisy: Tensor, compared: Tensor, sigma: float, top_k: int
) -> Tensor:
    """Probability that each expert would be kept under fresh noise, summed over tokens.

    Args:
        clean: (tokens, E) logits without noise.
        noisy: (tokens, E) logits with the noise that was drawn.
        compared: (tokens, E) values whose K-th and (K+1)-th largest are the thresholds: `noisy`,
            or the softmax of it to reproduce the original's fault.
        sigma: standard deviation of the noise, > 0.
        top_k: K, below E.

    Returns:
        (E,) expected number of tokens.
    """
    top = compared.topk(top_k + 1, dim=-1).values
    threshold_if_in, threshold_if_out = top[:, top_k : top_k + 1], top[:, top_k - 1 : top_k]
    is_in = noisy > threshold_if_in
    threshold = torch.where(is_in, threshold_if_in, threshold_if_out)
    kept: Tensor = torch.special.ndtr((clean - threshold) / sigma)
    return kept.sum(dim=0)


def squared_variation(values: Tensor) -> Tensor:
    """Unbiased variance over squared mean of (E,) values; zero for a single expert."""
    if values.numel() == 1:
        return values.new_zeros(())
    return values.var() / (values.mean() ** 2 + 1e-10)
