"""Resources of UltraScale+ devices, counted from the cells that yosys maps a module to."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

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
    """Cells of a device.

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

    @property
    def luts(self) -> int:
        """LUTs of both kinds: a device has one supply of them."""
        return self.lut + self.memory_lut

    @property
    def bram36(self) -> int:
        """Whole block RAMs; two halves share one."""
        return -(-self.ramb18 // 2)


KINDS = tuple(field.name for field in fields(Resources))
"""Names of the numbers in `Resources`."""


@dataclass(frozen=True)
class Device:
    """What an FPGA has: LUTs, those among them that can be memory, and blocks."""

    name: str
    luts: int
    memory_luts: int
    ff: int
    dsp: int
    bram36: int
    uram: int

    def shares(self, used: Resources) -> dict[str, float]:
        """Kind -> the part of the device that is used; above 1 it does not fit."""
        return {
            "lut": used.luts / self.luts,
            "memory_lut": used.memory_lut / self.memory_luts,
            "ff": used.ff / self.ff,
            "dsp": used.dsp / self.dsp,
            "bram36": used.bram36 / self.bram36,
            "uram": used.uram / self.uram,
        }


XCZU7EV = Device("XCZU7EV", 230_400, 101_760, 460_800, 1_728, 312, 96)
"""The device of the ZCU104."""


def count(cells: Mapping[str, int], where: str) -> Resources:
    """Resources of a module's own cells, given as type -> number; `where` names the module.

    Raises:
        RuntimeError: a cell of a type that no resource is known for.
    """
    counts: Counter[str] = Counter()
    for kind, number in cells.items():
        if kind in _MEMORY_LUTS:
            counts["memory_lut"] += number * _MEMORY_LUTS[kind]
        elif kind == "RAMB36E2":
            counts["ramb18"] += 2 * number
        elif kind not in _FREE:
            counts[_counted_as(kind, where)] += number
    return Resources(**counts)


def _counted_as(kind: str, where: str) -> str:
    for pattern, name in _COUNTED.items():
        if re.fullmatch(pattern, kind):
            return name
    raise RuntimeError(f"yosys made a cell {kind} in {where}, which no resource is known for")
