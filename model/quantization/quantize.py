"""Post-training quantisation: from a float model and some images to a compiled model."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3vit.model.compiled import CompiledModel
from m3vit.model.loading import FloatModel, load_float_model

from .calibrate import calibrate
from .compiler import compile_model


def quantize(
    model: FloatModel | str | Path,
    images: Iterable[NDArray[np.uint8]],
    output_directory: str | Path | None = None,
) -> CompiledModel:
    """Quantise a float model after training.

    Args:
        model: the model, or the directory of `save_pretrained`.
        images: (H, W, channels) uint8 of the model's size for calibration; some dozens suffice.
        output_directory: where to write the compiled model, whole or not at all.

    Raises:
        UserError: a broken checkpoint, unusable images, or a network that the integer
            arithmetic does not cover.
    """
    source = "a model in memory"
    if isinstance(model, str | Path):
        source = Path(model).name
        model = load_float_model(model)
    compiled = compile_model(model, calibrate(model, images), source)
    if output_directory is not None:
        compiled.save(output_directory)
    return compiled
