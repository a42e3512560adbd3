"""Make transformers' Auto classes know the family."""

from transformers import AutoConfig, AutoModel, AutoModelForImageClassification

from .config import ViTMoEConfig
from .vit import ViTMoEForImageClassification, ViTMoEModel


def register() -> None:
    """Register configuration and models; safe to call more than once."""
    AutoConfig.register("vit_moe", ViTMoEConfig, exist_ok=True)
    AutoModel.register(ViTMoEConfig, ViTMoEModel, exist_ok=True)
    AutoModelForImageClassification.register(
        ViTMoEConfig, ViTMoEForImageClassification, exist_ok=True
    )
