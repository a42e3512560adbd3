"""The image processor that belongs to a configuration."""

from transformers import ViTImageProcessorPil

from .config import ViTMoEConfig


def image_processor(config: ViTMoEConfig) -> ViTImageProcessorPil:
    """What prepares any image as the network was trained: resize, to [0, 1], normalise."""
    mean, std = list(config.image_mean), list(config.image_std)
    return ViTImageProcessorPil(
        do_resize=True,
        size={"height": config.image_height, "width": config.image_width},
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=any(mean) or any(value != 1 for value in std),
        image_mean=mean,
        image_std=std,
    )
