"""The parts of a transformer block: embeddings, attention, MLP and the block itself.

Parameter names are those of transformers' ViT, so that its checkpoints load unchanged.
Every place where the integer network rounds an activation to eight bits is an `nn.Identity`
called `*_point`: calibration and quantisation-aware training replace it, float runs pass it.
"""

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN

from .config import ViTMoEConfig
from .moe import MixtureOfExperts
from .router import Routing


def sincos_positions(grid: tuple[int, int], width: int) -> Tensor:
    """(N, width) sines and cosines of each patch's row and column, between -1 and 1.

    The wavelengths grow geometrically from 2 pi to 200 pi patches. Channels that are left over
    when 4 does not divide the width stay zero.
    Source: Vaswani et al. (arXiv 1706.03762) section 3.5, in two dimensions.
    """
    quarter = width // 4
    frequencies = 100.0 ** (-torch.arange(quarter) / quarter)
    rows, columns = torch.meshgrid(
        torch.arange(grid[0], dtype=torch.float32),
        torch.arange(grid[1], dtype=torch.float32),
        indexing="ij",
    )
    angles = [axis.reshape(-1, 1) * frequencies for axis in (rows, columns)]
    waves = torch.cat([wave(a) for a in angles for wave in (torch.sin, torch.cos)], dim=1)
    return nn.functional.pad(waves, (0, width - 4 * quarter))


class PatchEmbeddings(nn.Module):
    """Cut the image into patches and project each: (B, channels, h, w) -> (B, N, D)."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        self.projection = nn.Conv2d(
            config.num_channels,
            config.hidden_size,
            kernel_size=config.patch_size,
            stride=config.patch_size,
        )

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.projection(pixel_values).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    """Class token and patches with their positions: (B, channels, h, w) -> (B, T, D)."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        patches = config.grid[0] * config.grid[1]
        self.expected_shape = (config.num_channels, config.image_height, config.image_width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.position_embeddings = nn.Parameter(torch.zeros(1, patches + 1, config.hidden_size))
        self.patch_embeddings = PatchEmbeddings(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, pixel_values: Tensor) -> Tensor:
        if tuple(pixel_values.shape[1:]) != self.expected_shape:
            raise ValueError(
                f"pixel_values of shape {tuple(pixel_values.shape)} do not fit the model, which "
                f"takes (batch, {', '.join(map(str, self.expected_shape))})"
            )
        patches = self.patch_embeddings(pixel_values.to(self.cls_token.dtype))
        cls_tokens = self.cls_token.expand(patches.shape[0], -1, -1)
        tokens = torch.cat((cls_tokens, patches), dim=1) + self.position_embeddings
        return self.dropout(tokens)


class Attention(nn.Module):
    """Multi-head self-attention (B, T, D) -> (B, T, D), with weights (B, H, T, T) on request."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        width, bias = config.hidden_size, config.qkv_bias
        self.num_heads, self.head_dim = config.num_attention_heads, config.head_dim
        scale = config.attention_scale
        self.scaling = config.head_dim**-0.5 if scale is None else scale
        self.dropout_prob = config.attention_probs_dropout_prob
        self.q_proj = nn.Linear(width, width, bias=bias)
        self.k_proj = nn.Linear(width, width, bias=bias)
        self.v_proj = nn.Linear(width, width, bias=bias)
        self.o_proj = nn.Linear(width, width)
        self.input_point = nn.Identity()
        self.query_point = nn.Identity()
        self.key_point = nn.Identity()
        self.value_point = nn.Identity()
        self.context_point = nn.Identity()

    def forward(self, hidden: Tensor, output_attentions: bool) -> tuple[Tensor, Tensor | None]:
        hidden = self.input_point(hidden)
        query = self.query_point(self._split_heads(self.q_proj(hidden)))
        key = self.key_point(self._split_heads(self.k_proj(hidden)))
        value = self.value_point(self._split_heads(self.v_proj(hidden)))
        dropout = self.dropout_prob if self.training else 0.0
        weights = None
        if output_attentions:
            weights = ((query @ key.transpose(-2, -1)) * self.scaling).softmax(dim=-1)
            weights = nn.functional.dropout(weights, dropout)
            context = weights @ value
        else:
            context = nn.functional.scaled_dot_product_attention(
                query, key, value, dropout_p=dropout, scale=self.scaling
            )
        context = context.transpose(1, 2).flatten(2)
        return self.o_proj(self.context_point(context)), weights

    def _split_heads(self, hidden: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, D / H)."""
        return hidden.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)


class DenseMlp(nn.Module):
    """fc1, activation, fc2 on every token: (B, T, D) -> (B, T, D)."""

    def __init__(self, config: ViTMoEConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = ACT2FN[config.hidden_act]
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.input_point = nn.Identity()
        self.hidden_point = nn.Identity()
        self.activation_point = nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.hidden_point(self.fc1(self.input_point(hidden)))
        hidden = self.activation_point(self.dropout(self.activation(hidden)))
        return self.fc2(hidden)


class DropPath(nn.Module):
    """Stochastic depth: drop a residual branch for whole images in training."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return branch
        keep = 1.0 - self.probability
        mask = torch.rand((branch.shape[0], 1, 1), dtype=branch.dtype, device=branch.device) < keep
        return branch * mask / keep


class Layer(nn.Module):
    """One pre-norm transformer block, dense or mixture of experts.

    The two halves are separate methods because several tasks share everything up to the
    first gate.
    """

    def __init__(self, config: ViTMoEConfig, index: int) -> None:
        super().__init__()
        self.is_moe = config.is_moe(index)
        self.gate_input_ahead = config.gate_input_ahead
        self.layernorm_before = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = Attention(config)
        self.layernorm_after = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = MixtureOfExperts(config) if self.is_moe else DenseMlp(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        last = max(1, config.num_hidden_layers - 1)
        self.drop_path = DropPath(config.drop_path_rate * index / last)

    def attend(self, residual: Tensor, output_attentions: bool) -> tuple[Tensor, Tensor | None]:
        """Residual plus attention: (B, T, D) -> (B, T, D)."""
        branch, weights = self.attention(self.layernorm_before(residual), output_attentions)
        return residual + self.drop_path(self.dropout(branch)), weights

    def transform(
        self,
        residual: Tensor,
        block_input: Tensor,
        task_id: int | None,
        task_embedding: Tensor | None,
    ) -> tuple[Tensor, Routing | None]:
        """Residual plus MLP or experts: (B, T, D) -> (B, T, D), and where the tokens went."""
        normalised = self.layernorm_after(residual)
        routing = None
        if self.is_moe:
            gate_input = block_input if self.gate_input_ahead else normalised
            branch, routing = self.mlp(normalised, gate_input, task_id, task_embedding)
        else:
            branch = self.mlp(normalised)
        return residual + self.drop_path(self.dropout(branch)), routing
