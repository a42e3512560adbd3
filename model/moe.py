"""The mixture of experts: dispatch tokens to experts, run them, combine what they say."""

import math

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

from .config import ViTMoEConfig
from .router import Router, Routing


class Experts(nn.Module):
    """E two-layer MLPs held in three-dimensional parameters (fastmoe's layout)."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        experts, width = config.num_experts, config.hidden_size
        hidden = config.moe_intermediate_size
        self.up_proj = nn.Parameter(torch.empty(experts, hidden, width))
        self.up_proj_bias = nn.Parameter(torch.empty(experts, hidden))
        self.down_proj = nn.Parameter(torch.empty(experts, width, hidden))
        self.down_proj_bias = nn.Parameter(torch.empty(experts, width))


class MixtureOfExperts(nn.Module):
    """Each token becomes the score-weighted sum of its K experts' outputs; none is dropped.

    Source: M³ViT (arXiv 2210.14793) equation 1. With `expert_capacity_factor` an expert is
    limited as in V-MoE (arXiv 2106.05974) section 2.4.
    """

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        self.capacity_factor = config.expert_capacity_factor
        self.gate = Router(config)
        self.experts = Experts(config)
        self.activation = ACT2FN[config.hidden_act]
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.input_point = nn.Identity()
        self.hidden_point = nn.Identity()
        self.activation_point = nn.Identity()

    def forward(
        self,
        hidden: Tensor,
        gate_input: Tensor,
        task_id: int | None,
        task_embedding: Tensor | None,
    ) -> tuple[Tensor, Routing]:
        """Route (B, T, D) tokens by (B, T, D) gate inputs and combine -> (B, T, D)."""
        batch, tokens, width = hidden.shape
        routing = self.gate(gate_input.reshape(-1, width), task_id, task_embedding)
        kept = self._seated(routing, batch, tokens)
        combined = self._run_experts(self.input_point(hidden).reshape(-1, width), routing, kept)
        return combined.view(batch, tokens, width), routing

    def _seated(self, routing: Routing, batch: int, tokens: int) -> Tensor | None:
        """(B*T*K,) whether an assignment fits its expert's capacity; None when there is none."""
        if self.capacity_factor is None:
            return None
        experts, top_k = self.experts.up_proj.shape[0], routing.experts.shape[1]
        capacity = math.ceil(tokens * top_k * self.capacity_factor / experts)
        capacity = 4 * math.ceil(capacity / 4)
        # First choices of all tokens come before any second choice: rank-major order.
        queues = routing.experts.view(batch, tokens, top_k).transpose(1, 2).reshape(batch, -1)
        one_hot = nn.functional.one_hot(queues, experts)
        place = (one_hot.cumsum(dim=1) * one_hot).sum(dim=-1) - 1
        return (place < capacity).view(batch, top_k, tokens).transpose(1, 2).reshape(-1)

    def _run_experts(self, hidden: Tensor, routing: Routing, kept: Tensor | None) -> Tensor:
        """Expert by expert over sorted assignments: (B*T, D) -> (B*T, D).

        Only experts with tokens are touched. Each assignment writes its own row and the rows
        of a token are summed in rank order, so the result does not depend on scheduling.
        """
        tokens, top_k = routing.experts.shape
        assigned = routing.experts.reshape(-1)
        queue = torch.arange(assigned.numel(), device=assigned.device)
        if kept is not None:
            queue = queue[kept]
        queue = queue[assigned[queue].argsort(stable=True)]
        lengths = assigned[queue].bincount(minlength=self.experts.up_proj.shape[0]).tolist()

        parts = []
        for expert, rows in enumerate(hidden[queue // top_k].split(lengths)):
            if len(rows):
                weight, bias = self.experts.up_proj[expert], self.experts.up_proj_bias[expert]
                parts.append(nn.functional.linear(rows, weight, bias))
        raised = torch.cat(parts) if parts else hidden.new_zeros(0, self.experts.up_proj.shape[1])
        active = self.activation_point(self.dropout(self.activation(self.hidden_point(raised))))
        parts = []
        for expert, rows in enumerate(active.split(lengths)):
            if len(rows):
                weight, bias = self.experts.down_proj[expert], self.experts.down_proj_bias[expert]
                parts.append(nn.functional.linear(rows, weight, bias))
        outputs = hidden.new_zeros(tokens * top_k, hidden.shape[1])
        if parts:
            outputs = outputs.index_copy(0, queue, torch.cat(parts).to(outputs.dtype))
        scores = routing.scores.to(outputs.dtype).unsqueeze(1)
        return (scores @ outputs.view(tokens, top_k, -1)).squeeze(1)
