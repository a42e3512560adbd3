"""The shapes and choices of a compiled network, its tasks, and what people want to know of it."""

from dataclasses import dataclass, field
from typing import Any

from m3vit.errors import UserError

from .fixed import MAX_TOKENS, MAX_WIDTH

HEADS = ("linear", "classification", "tokens")
MAX_EXPERTS = 256
"""Sums of 16-bit gate weights over all experts must stay below 2^24."""


@dataclass(frozen=True)
class Network:
    """Shapes and choices of the network; axis letters as in `model.config`.

    Attributes:
        image_height, image_width: pixels. channels: of the image. patch_size: pixels.
        width: D. num_layers: L. num_heads: H. hidden: F of the dense MLP.
        expert_hidden: F of one expert. num_experts: E. experts_per_token: K.
        moe_layers: their indices, ascending.
        norm_topk_prob: the K kept scores are divided by their own sum.
        prune_threshold: kept scores at or below it (in 2^-15) become zero; -1 prunes nothing.
        gate_input_ahead: gates read the block's int16 input instead of LayerNorm codes.
        head: "linear" (patch tokens -> channels x g x g), "classification" (class token) or
            "tokens" (the network ends with the residual stream or the final LayerNorm).
        head_patch_grid: g of the linear head.
        hidden_act, layer_norm_eps, router_type: for the record; tables hold their effect.

    Raises:
        UserError: shapes that contradict each other or exceed the integer arithmetic.
    """

    image_height: int
    image_width: int
    channels: int
    patch_size: int
    width: int
    num_layers: int
    num_heads: int
    hidden: int
    expert_hidden: int
    num_experts: int
    experts_per_token: int
    moe_layers: list[int]
    norm_topk_prob: bool
    prune_threshold: int
    gate_input_ahead: bool
    head: str
    head_patch_grid: int
    hidden_act: str
    layer_norm_eps: float
    router_type: str

    def __post_init__(self) -> None:
        counts = (
            self.image_height,
            self.image_width,
            self.channels,
            self.patch_size,
            self.width,
            self.num_layers,
            self.num_heads,
            self.experts_per_token,
            self.head_patch_grid,
        )
        rules = [
            (all(count >= 1 for count in counts), "every size must be at least 1"),
            (
                self.image_height % self.patch_size == self.image_width % self.patch_size == 0,
                f"patches of {self.patch_size} do not tile {self.image_height}x{self.image_width}",
            ),
            (self.width % self.num_heads == 0, "the heads do not divide the width"),
            (
                self.width <= MAX_WIDTH,
                f"width {self.width} exceeds {MAX_WIDTH}, the limit of the integer LayerNorm",
            ),
            (
                self.num_tokens <= MAX_TOKENS,
                f"{self.num_tokens} tokens exceed {MAX_TOKENS}, the limit of the integer attention",
            ),
            (
                self.moe_layers == sorted(set(self.moe_layers) & set(range(self.num_layers))),
                f"moe_layers {self.moe_layers} must be ascending indices of the layers",
            ),
            (
                not self.moe_layers or self.experts_per_token <= self.num_experts <= MAX_EXPERTS,
                f"{self.experts_per_token} of {self.num_experts} experts per token cannot be "
                f"(the limit is {MAX_EXPERTS} experts)",
            ),
            (self.head in HEADS, f"head '{self.head}' is none of {', '.join(HEADS)}"),
        ]
        for holds, sentence in rules:
            if not holds:
                raise UserError(f"this network cannot be compiled to integers: {sentence}")

    @property
    def grid(self) -> tuple[int, int]:
        """Patches (down, across)."""
        return self.image_height // self.patch_size, self.image_width // self.patch_size

    @property
    def num_tokens(self) -> int:
        """T: the class token and N patches."""
        return 1 + self.grid[0] * self.grid[1]

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.width // self.num_heads

    @property
    def first_gate(self) -> int:
        """Index of the first MoE layer; L without any. What precedes it is shared by all tasks."""
        return self.moe_layers[0] if self.moe_layers else self.num_layers


@dataclass(frozen=True)
class Task:
    """One task of a compiled model.

    Attributes:
        name: as in `model.tasks`, or a name of the user's.
        channels: C of the prediction; D where the network ends with its tokens.
        gate: which gate of every MoE layer it uses.
        experts: half-open range [start, stop) that its gates choose from.
        scale: real value of one output code.
    """

    name: str
    channels: int
    gate: int
    experts: list[int]
    scale: float


@dataclass(frozen=True)
class Description:
    """What a person, a picture or a comparison wants to know beside the integers.

    Attributes:
        image_mean, image_std: per channel for pixels in [0, 1]; already part of the weights.
        class_names: of the semantic segmentation; empty when unknown.
        scales: trace name -> {"scale": real value of one code (or one per attention head),
            "zero_point": code of zero}; see `model.reference`.
        source: where the weights came from. settings: how they were quantised.
    """

    image_mean: list[float]
    image_std: list[float]
    class_names: list[str] = field(default_factory=list)
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
