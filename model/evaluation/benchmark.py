"""What the model side promises, measured: the speed of the integer reference, the cost of int8."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from m3vit.model.compiled import CompiledModel
from m3vit.model.config import ViTMoEConfig
from m3vit.model.dense_prediction import ViTMoEForDensePrediction
from m3vit.model.evaluation.compare import compare
from m3vit.model.evaluation.evaluate import evaluate
from m3vit.model.quantization.dataset_images import dataset_images
from m3vit.model.quantization.quantize import quantize
from m3vit.model.reference import Reference
from m3vit.model.shape import PUBLISHED
from m3vit.model.shipped import find_model

COMPARED_IMAGES = 32
"""Held-out images over which kept assignments are counted."""


def reference_over_torch(repeats: int, seed: int = 0) -> dict[str, Any]:
    """Time one image of M³ViT-tiny in integers and in float32 PyTorch, in turns.

    The weights are random, so the experts' queues are about even; the head is the linear one,
    which both sides run. Each side uses all the threads that its library takes by default.

    Args:
        repeats: timed runs of each side; the medians are compared.
        seed: of weights and image.
    """
    network, compiled, images = random_tiny(seed)
    reference = Reference(compiled)
    task, pixels = network.config.tasks[0], images[0]
    scaled = torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 127.5 - 1

    def float_run() -> None:
        with torch.inference_mode():
            network(pixel_values=scaled, tasks=[task])

    sides: dict[str, Callable[[], Any]] = {
        "torch_seconds": float_run,
        "reference_seconds": lambda: reference.run(pixels, task),
    }
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats + 2):  # the first two prepare matrices and fill caches
        for side, run in sides.items():
            start = time.perf_counter()
            run()
            times[side].append(time.perf_counter() - start)
    medians = {side: statistics.median(values[2:]) for side, values in times.items()}
    return {
        "reference_over_torch": medians["reference_seconds"] / medians["torch_seconds"],
        **medians,
        "torch_threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def random_tiny(
    seed: int = 0,
) -> tuple[ViTMoEForDensePrediction, CompiledModel, list[NDArray[np.uint8]]]:
    """M³ViT-tiny with random weights, the same in integers, and four images of noise."""
    torch.manual_seed(seed)
    config = ViTMoEConfig(**{**PUBLISHED["cityscapes_tiny"], **TINY_HEAD})
    network = ViTMoEForDensePrediction(config).eval()
    generator = np.random.default_rng(seed)
    shape = (4, config.image_height, config.image_width, 3)
    images = list(generator.integers(0, 256, shape, np.uint8))
    return network, quantize(network, images), images


# What differs from the published network: the head that also runs in integers.
TINY_HEAD = {"head_type": "linear", "head_patch_grid": 4, "num_attention_heads": 3}


def accuracy_loss(
    float_model: str | Path = "m3vit-nano",
    compiled_model: str | Path = "m3vit-nano-int8",
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Compare a float and a compiled model on the same held-out scenes.

    Args:
        float_model, compiled_model: directories or shipped names, with semseg and depth.
        limit: only so many scenes, evenly spread.
        progress: called with (images done, images in all), for one model after the other.
    """
    directories = find_model(float_model), find_model(compiled_model)
    before, after = (evaluate(path, limit=limit, progress=progress) for path in directories)
    miou = [report.metrics["semseg"]["miou"] for report in (before, after)]
    rmse = [report.metrics["depth"]["rmse"] for report in (before, after)]
    config = ViTMoEConfig.from_pretrained(directories[0])
    size = (config.image_height, config.image_width)
    images = dataset_images("scenes", "val", COMPARED_IMAGES, list(config.tasks), size)
    return {
        "int8_miou_relative_loss": (miou[0] - miou[1]) / miou[0],
        "int8_rmse_relative_loss": (rmse[1] - rmse[0]) / rmse[0],
        "assignments_kept": compare(*directories, list(images)).assignments_kept,
        "float_miou": miou[0],
        "int8_miou": miou[1],
        "float_rmse": rmse[0],
        "int8_rmse": rmse[1],
        "held_out_images": before.images,
    }
