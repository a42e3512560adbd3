"""What several test modules of the model part share."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.loading import FloatModel

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="session")
def small_config() -> Callable[..., ViTMoEConfig]:
    """Configurations of a network that runs in milliseconds, with changes by keyword."""

    def make(**changes: object) -> ViTMoEConfig:
        settings: dict[str, object] = {
            "image_size": [HEIGHT, WIDTH],
            "patch_size": 8,
            "hidden_size": 48,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "intermediate_size": 96,
            "moe_intermediate_size": 48,
            "num_experts": 6,
            "num_experts_per_tok": 2,
            "tasks": ["semseg", "depth"],
            "task_channels": {"semseg": 5, "depth": 1},
            "head_patch_grid": 2,
        }
        return ViTMoEConfig(**(settings | changes))

    return make


@pytest.fixture(scope="session")
def randomised() -> Callable[[FloatModel], FloatModel]:
    """Gives a model weights under which signals keep their size and gates differ."""

    def fill(model: FloatModel) -> FloatModel:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" in name:
                    parameter.normal_(
                        1.0 if name.endswith("weight") else 0.0, 0.2, generator=generator
                    )
                elif "patch_embeddings" in name and parameter.dim() == 4:
                    spread = 1 / math.sqrt(parameter[0].numel())
                    parameter.normal_(0.0, spread, generator=generator)
                elif parameter.dim() > 1:
                    spread = 1 / math.sqrt(parameter.shape[-1])
                    parameter.normal_(0.0, spread, generator=generator)
                else:
                    parameter.normal_(0.0, 0.1, generator=generator)
        return model.eval()

    return fill


@pytest.fixture(scope="session")
def small_model(small_config, randomised) -> ViTMoEForDensePrediction:
    """A random two-task network; do not change it."""
    return randomised(ViTMoEForDensePrediction(small_config()))


@pytest.fixture(scope="session")
def smooth_images() -> list[NDArray[np.uint8]]:
    """Twelve (48, 64, 3) images with structure from coarse to fine."""
    images = []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        image = np.full((HEIGHT, WIDTH, 3), 128.0)
        for cells in (2, 4, 16):
            coarse = generator.normal(0, 30, (HEIGHT // cells, WIDTH // cells, 3))
            image += coarse.repeat(cells, axis=0).repeat(cells, axis=1)
        images.append(image.clip(0, 255).astype(np.uint8))
    return images
