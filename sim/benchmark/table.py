"""The table of speed: what is required, what was measured, what others have published."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.table import Table

from m3vit.hls.design import DesignConfig

from .measure import Measurement

SIMULATED = "RTL in Verilator, DDR model 50 B/cycle and 60 cycles"
COUNTED = "counted on the RTL's ports"
MODEL = "cycle model"


@dataclass(frozen=True)
class Published:
    """A number of others.

    Attributes:
        value: as printed. origin: where.
    """

    value: str
    origin: str


EDGE_MOE = Published("34.64 ms", "Edge-MoE on ZCU102, 300 MHz, by a survey of accelerators")
COQMOE = Published("6.47 ms", "CoQMoE on ZCU102, 300 MHz, its paper")
EDGE_MOE_MACS = Published("75", "computed from Edge-MoE's 34.64 ms")
M3VIT_SMALL = Published("69 ms", "M³ViT's own estimate for ZCU104")
"""Nobody has put these on one board under one condition: they are no comparison of measurements."""


@dataclass(frozen=True)
class Wanted:
    """What is required of a number, what would be better, and what others have."""

    must: str = ""
    goal: str = ""
    others: tuple[Published, ...] = ()


CYCLES, MACS = "cycles", "macs"
WANTED = {
    ("tiny", CYCLES): Wanted("480,000", "350,000", (EDGE_MOE, COQMOE)),
    ("tiny", MACS): Wanted("1,630", "2,240", (EDGE_MOE_MACS,)),
    ("small", CYCLES): Wanted("18,000,000 (60 ms)", "13,200,000 (44 ms)", (M3VIT_SMALL,)),
}
"""By network and number."""

NOTHING = Wanted()
DDR_LIMIT = 1.1
"""Bytes moved over bytes needed, for networks that the chip holds at once."""


def speed_table(
    design: DesignConfig, measurements: dict[str, Measurement], model_error: float
) -> Table:
    """One row per number, each with where it comes from."""
    table = Table(title=f"Speed of design '{design.name}' at an assumed {design.clock_mhz} MHz")
    for heading in ("", "ours", "origin", "must", "goal", "others, published"):
        table.add_column(heading)

    def row(what: str, ours: str, origin: str, wanted: Wanted = NOTHING) -> None:
        cited = "\n".join(f"{item.value} ({item.origin})" for item in wanted.others)
        table.add_row(what, ours, origin, wanted.must, wanted.goal, cited)

    def cycles(count: int) -> str:
        return f"{count:,} ({count / (design.clock_mhz * 1e3):.2f} ms)"

    for name, found in measurements.items():
        row(
            f"{name}: cycles, first image{_also(found)}",
            _both(cycles, found.cycles, found.settled_cycles),
            SIMULATED,
            WANTED.get((name, CYCLES), NOTHING),
        )
        row(
            f"{name}: useful MACs per cycle",
            f"{found.macs / found.cycles:,.0f}",
            "counted / simulated",
            WANTED.get((name, MACS), NOTHING),
        )
        limit = Wanted(f"{DDR_LIMIT * found.needed_bytes:,.0f}") if found.tiles == 1 else NOTHING
        row(
            f"{name}: DDR bytes, first image{_also(found)}",
            _both("{:,}".format, found.ddr_bytes, found.settled_ddr_bytes),
            COUNTED,
            limit,
        )
        if found.task_switch_cycles is not None:
            switch = f"{found.task_switch_cycles:,}"
            row(f"{name}: task switch, cycles", switch, "A B A B less A A B B, simulated", ZERO)
        equal = "yes" if found.equal else "NO"
        row(f"{name}: equal to the reference", equal, SIMULATED, Wanted("yes"))
        table.add_section()
    row("error of the cycle model", f"{model_error:.1%}", f"{MODEL} against RTL", Wanted("5 %"))
    return table


ZERO = Wanted("0")


def _also(found: Measurement) -> str:
    return "" if found.settled_cycles is None else " / again"


def _both(write: Callable[[int], str], first: int, again: int | None) -> str:
    return write(first) if again is None else f"{write(first)} / {write(again)}"
