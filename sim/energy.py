"""An estimate of the energy of a simulated run: counted activity times published energies.

Estimated, not measured, and the range is wide: the published energies are of a 45 nm ASIC, and how
much more an FPGA of 16 nm takes is known within an order of magnitude only. Its ends are sums of
lower and of upper figures, not bounds. `docs/benchmark.md` discusses every term.

What is estimated is the programmable logic and the accesses to DDR memory. The processors of the
chip, the rest of the board and its converters are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from m3vit.sim.engine.activity import (
    CODE_TABLE,
    KEY_VALUES,
    PANEL,
    PARAMETERS,
    RESIDUAL,
    TOKENS,
    WEIGHTS,
    Activity,
)

HOROWITZ = "M. Horowitz, Computing's energy problem, ISSCC 2014 (45 nm, 0.9 V)"
KUON = "I. Kuon and J. Rose, Measuring the gap between FPGAs and ASICs, IEEE TCAD 26(2), 2007"
PYNQ_NOTEBOOK = "PYNQ's notebook zcu104_pmbus, rail INT as printed there"

MULTIPLY_PJ, ADD_PJ = 0.2, 0.1
"""Of 8-bit integers, and of 32-bit integers."""

SMALL_RAM_PJ, RAM_PJ = 10 / 8, 20 / 8
"""Per byte of memories of 8 KB and 32 KB, 64 bits wide: block RAM and UltraRAM are such classes."""

DRAM_PJ = (1300 / 8, 2600 / 8)
"""Per byte."""

PROCESS = ((16 / 45) * (0.85 / 0.9) ** 2, 1.0)
"""From 45 nm, 0.9 V to 16 nm, 0.85 V: CV² with C by length at best, no gain at worst."""

FABRIC = (1.0, 14.0)
"""FPGA over ASIC: none where hard blocks do the work, 14 where logic does."""

IDLE_WATTS = (0.0, 3.5)
"""Static power and clocks: not counted at all, or the whole rail of an idle ZCU104, which feeds
processors too."""

BOARD_WATTS = 14.05
"""Of a whole ZCU104 at rest, its rail 12V, in the same notebook; no part of the estimate."""

MEMORY_PJ: Mapping[str, float] = {
    WEIGHTS: RAM_PJ,
    TOKENS: RAM_PJ,
    RESIDUAL: RAM_PJ,
    KEY_VALUES: SMALL_RAM_PJ,
    PARAMETERS: SMALL_RAM_PJ,
    PANEL: SMALL_RAM_PJ,
    CODE_TABLE: SMALL_RAM_PJ,
}
"""Per byte, by memory, as its storage is bound in the sources; LUT RAM as block RAM."""


@dataclass(frozen=True)
class Part:
    """A range of joules. source: of the energy per operation."""

    name: str
    low: float
    high: float
    source: str


@dataclass(frozen=True)
class Estimate:
    """Of one program.

    Attributes:
        parts: that were added. seconds: simulated, at the design's clock.
    """

    parts: tuple[Part, ...]
    seconds: float

    @property
    def low(self) -> float:
        """Joules, every part at its lower figure."""
        return sum(part.low for part in self.parts)

    @property
    def high(self) -> float:
        """Joules, every part at its upper figure."""
        return sum(part.high for part in self.parts)

    @property
    def middle(self) -> float:
        """Joules, the geometric mean of both: what to name if one number is wanted."""
        return float((self.low * self.high) ** 0.5)


def estimate(
    activity: Activity, statistics: Mapping[str, int], beat_bytes: int, clock_mhz: float
) -> Estimate:
    """Estimate one program.

    Args:
        activity: of the program.
        statistics: of the engine, after it.
        beat_bytes: of a transfer on a memory port.
        clock_mhz: of the design.
    """
    seconds = statistics["cycles"] / (clock_mhz * 1e6)
    beats = sum(value for name, value in statistics.items() if name.endswith("_beats"))
    on_chip = {
        memory: activity.reads.get(memory, 0) + activity.writes.get(memory, 0)
        for memory in MEMORY_PJ
    }
    parts = [
        _fabric("products and sums", activity.products, MULTIPLY_PJ + ADD_PJ),
        *(_fabric(memory, size, MEMORY_PJ[memory]) for memory, size in on_chip.items()),
        Part(
            "DDR memory",
            beats * beat_bytes * DRAM_PJ[0] * 1e-12,
            beats * beat_bytes * DRAM_PJ[1] * 1e-12,
            HOROWITZ,
        ),
        Part("idle", IDLE_WATTS[0] * seconds, IDLE_WATTS[1] * seconds, PYNQ_NOTEBOOK),
    ]
    return Estimate(tuple(parts), seconds)


def _fabric(name: str, operations: float, picojoules: float) -> Part:
    low, high = (process * gap for process, gap in zip(PROCESS, FABRIC, strict=True))
    joules = operations * picojoules * 1e-12
    return Part(name, joules * low, joules * high, f"{HOROWITZ}; {KUON}")
