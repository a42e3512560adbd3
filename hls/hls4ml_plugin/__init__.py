"""Layers of m3vit for hls4ml: softmax, LayerNorm, GELU and top-k gate (docs/hls4ml.md).

hls4ml finds `register` through the entry point group `hls4ml.backends`.
"""

from collections.abc import Callable

from hls4ml.backends.backend import get_backend
from hls4ml.model.flow import update_flow
from hls4ml.model.layers import register_layer

from .headers import CopyHeaders
from .layers import LAYERS
from .templates import TEMPLATES

BACKENDS = ("Vivado", "Vitis")


def register(register_backend: Callable[..., None], register_writer: Callable[..., None]) -> None:
    """Add the layers to the Vivado and Vitis backends of hls4ml, which calls this once.

    Args:
        register_backend, register_writer: what hls4ml offers; new layers need neither.
    """
    for layer in LAYERS:
        register_layer(layer.__name__, layer)
    for name in BACKENDS:
        backend = get_backend(name)
        for template in TEMPLATES:
            backend.register_template(template)
        flow, writer = f"{name.lower()}:write", f"{name.lower()}:write_hls"
        # In front of the writer, which may pack the finished project into an archive.
        update_flow(flow, remove_optimizers=[writer])
        backend.register_pass("m3vit_headers", CopyHeaders(), flow=flow)
        update_flow(flow, add_optimizers=[writer])
