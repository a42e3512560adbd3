"""The hand-written SystemVerilog that generated modules instantiate: `hls/rtl/<module>.sv`."""

import re
from collections.abc import Iterable
from pathlib import Path

RTL_LIBRARY = {path.stem: path for path in sorted((Path(__file__).parents[1] / "rtl").glob("*.sv"))}
"""Name of a module -> its file."""


def needed(texts: Iterable[str]) -> dict[str, Path]:
    """The library modules that these texts instantiate, and those that they do in turn."""
    found: dict[str, Path] = {}
    waiting = list(texts)
    while waiting:
        words = set(re.findall(r"\w+", waiting.pop()))
        for name, path in RTL_LIBRARY.items():
            if name in words and name not in found:
                found[name] = path
                waiting.append(path.read_text())
    return dict(sorted(found.items()))
