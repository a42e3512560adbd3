"""Decoder heads: from the tokens of the last block to a map per task."""

from typing import cast

import torch
from torch import Tensor, nn

from .config import ViTMoEConfig


class LinearHead(nn.Module):
    """LayerNorm, one projection per patch token, bilinear up-sampling; runs on the accelerator.

    Each token predicts a g x g grid of cells (`head_patch_grid`); g = 1 is a 1x1 projection.
    Output index of the projection: (channel * g + row) * g + column.
    """

    def __init__(self, config: ViTMoEConfig, channels: int) -> None:
        super().__init__()
        self.grid, self.cells = config.grid, config.head_patch_grid
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.projection = nn.Linear(config.hidden_size, channels * self.cells**2)
        self.input_point = nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) tokens, the class token first -> (B, C, grid height * g, grid width * g)."""
        cells = self.projection(self.input_point(self.norm(tokens[:, 1:])))
        cells = cells.transpose(1, 2).unflatten(2, self.grid)
        return nn.functional.pixel_shuffle(cells, self.cells)


class UpsamplingHead(nn.Module):
    """M³ViT's decoder: LayerNorm, then 3x3 convolutions with doubling of the resolution.

    With four convolutions each is followed by batch normalisation, ReLU and bilinear doubling,
    and a 1x1 classifier precedes the last doubling. With two, one convolution and the
    classifier, without doubling. Source: M³ViT (arXiv 2210.14793), after SETR-PUP (2012.15840).
    """

    WIDTH = 256

    def __init__(self, config: ViTMoEConfig, channels: int) -> None:
        super().__init__()
        self.grid = config.grid
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.convolutions = nn.ModuleList()
        self.batch_norms = nn.ModuleList()
        stages = 4 if config.head_convolutions == 4 else 1
        kernel = 3 if stages == 4 else config.head_kernel_size
        width = config.hidden_size
        for _ in range(stages):
            self.convolutions.append(nn.Conv2d(width, self.WIDTH, kernel, padding=kernel // 2))
            self.batch_norms.append(nn.BatchNorm2d(self.WIDTH))
            width = self.WIDTH
        self.classifier = nn.Conv2d(self.WIDTH, channels, kernel_size=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) tokens -> (B, C, 16 * grid height, 16 * grid width), or the grid with two."""
        features = self.norm(tokens[:, 1:]).transpose(1, 2).unflatten(2, self.grid)
        doubling = len(self.convolutions) == 4
        last = len(self.convolutions) - 1
        for stage, convolution in enumerate(self.convolutions):
            features = torch.relu(self.batch_norms[stage](convolution(features)))
            if doubling and stage < last:
                features = upsample(features, (2 * features.shape[2], 2 * features.shape[3]))
        logits = self.classifier(features)
        if doubling:
            logits = upsample(logits, (2 * logits.shape[2], 2 * logits.shape[3]))
        return cast(Tensor, logits)


def build_head(config: ViTMoEConfig, task: str) -> LinearHead | UpsamplingHead:
    """The head of one task, as `config.head_type` says."""
    channels = config.task_channels[task]
    head = LinearHead if config.head_type == "linear" else UpsamplingHead
    return head(config, channels)


def upsample(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear interpolation of (B, C, h, w) to `size`, half-pixel centres (not corners)."""
    return nn.functional.interpolate(features, size=size, mode="bilinear", align_corners=False)
