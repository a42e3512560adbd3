"""M³ViT on an FPGA: the network, its integer definition and the runtime that executes it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m3vit.errors import UserError
    from m3vit.host.accelerator import Accelerator
    from m3vit.model.compiled import CompiledModel
    from m3vit.model.config import ViTMoEConfig
    from m3vit.model.dense_prediction import ViTMoEForDensePrediction
    from m3vit.model.reference import Reference
    from m3vit.model.vit import ViTMoEForImageClassification, ViTMoEModel

__version__ = "0.1.0"

# Resolved on first use (PEP 562): the board has no torch, and a command line must start fast.
_HOMES = {
    "Accelerator": "m3vit.host.accelerator",
    "CompiledModel": "m3vit.model.compiled",
    "Reference": "m3vit.model.reference",
    "UserError": "m3vit.errors",
    "ViTMoEConfig": "m3vit.model.vit",  # not model.config: vit registers the Auto classes
    "ViTMoEForDensePrediction": "m3vit.model.dense_prediction",
    "ViTMoEForImageClassification": "m3vit.model.vit",
    "ViTMoEModel": "m3vit.model.vit",
}

__all__ = [
    "Accelerator",
    "CompiledModel",
    "Reference",
    "UserError",
    "ViTMoEConfig",
    "ViTMoEForDensePrediction",
    "ViTMoEForImageClassification",
    "ViTMoEModel",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for.

    Raises:
        AttributeError: no such name.
        ImportError: the name needs packages of an extra that is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
