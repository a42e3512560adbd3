"""The C++ headers of m3vit inside a project that hls4ml writes."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hls4ml.model.optimizer.optimizer import ModelOptimizerPass

from m3vit.hls.tables import tables_header

from .layers import M3vitLayer

INCLUDE = Path(__file__).parent.parent / "include" / "m3vit"
_INCLUDED = re.compile(r'#include "(?:m3vit/)?([^"/]+)"')


class CopyHeaders(ModelOptimizerPass):  # type: ignore[misc]
    """Write the headers of the layers that a model uses below `firmware/nnet_utils`."""

    def __init__(self) -> None:
        super().__init__("m3vit_headers", _copy)


def _copy(model: Any) -> bool:
    layers = [layer for layer in model.get_layers() if isinstance(layer, M3vitLayer)]
    destination = Path(model.config.get_output_dir()) / "firmware" / "nnet_utils"
    for name, text in header_texts(layer.HEADER for layer in layers).items():
        path = destination / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return True


def header_texts(layer_headers: Iterable[str]) -> dict[str, str]:
    """Path below `nnet_utils` -> text, of headers of layers and of all that they include.

    hls4ml sets no include path, so a header of m3vit/ includes its neighbours by bare names.
    """
    texts: dict[str, str] = {}
    waiting = set(layer_headers)
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        if name.startswith("nnet_"):
            text = texts[name] = (INCLUDE / "hls4ml" / name).read_text()
        else:
            text = tables_header() if name == "tables.hpp" else (INCLUDE / name).read_text()
            texts[f"m3vit/{name}"] = text.replace('#include "m3vit/', '#include "')
        found = set(_INCLUDED.findall(text)) - seen
        waiting |= found
        seen |= found
    return texts
