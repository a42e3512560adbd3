"""The C++ headers of m3vit inside a project that hls4ml writes."""

import re
from pathlib import Path
from typing import Any

from hls4ml.model.optimizer.optimizer import ModelOptimizerPass

from m3vit.hls.tables import tables_header

from .layers import LAYERS

INCLUDE = Path(__file__).parent.parent / "include"
_LOCAL = re.compile(r'#include "(?:m3vit/)?([^"/]+)"')


class CopyHeaders(ModelOptimizerPass):  # type: ignore[misc]
    """Write the headers of the layers that a model uses below `firmware/nnet_utils`."""

    def __init__(self) -> None:
        super().__init__("m3vit_headers", _copy)


def _copy(model: Any) -> bool:
    names = {layer.__name__: layer.HEADER for layer in LAYERS}
    adapters = {names[layer.class_name] for layer in model.get_layers() if layer.class_name in names}
    destination = Path(model.config.get_output_dir()) / "firmware" / "nnet_utils"
    for path, text in header_texts(adapters).items():
        (destination / path).parent.mkdir(parents=True, exist_ok=True)
        (destination / path).write_text(text)
    return True


def header_texts(adapters: set[str]) -> dict[str, str]:
    """Path below `nnet_utils` -> text, of some adapters and of everything that they include.

    hls4ml sets no include path, so headers of m3vit/ that stand beside each other are included
    by their bare names.
    """
    texts: dict[str, str] = {}
    waiting = set(adapters)
    while waiting:
        name = waiting.pop()
        adapter = name.startswith("nnet_")
        text = _text(name)
        found = {included for included in _LOCAL.findall(text)}
        texts[name if adapter else f"m3vit/{name}"] = (
            text if adapter else text.replace('#include "m3vit/', '#include "')
        )
        waiting |= {n for n in found if n not in texts and f"m3vit/{n}" not in texts}
    return texts


def _text(name: str) -> str:
    if name == "tables.hpp":
        return tables_header()
    folder = "m3vit/hls4ml" if name.startswith("nnet_") else "m3vit"
    return (INCLUDE / folder / name).read_text()
