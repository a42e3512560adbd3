"""The table of speed: what is required, what was measured, what others have published."""

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


def speed_table(
    design: DesignConfig, measurements: dict[str, Measurement], model_error: float
) -> Table:
    """One row per requirement, each number with where it comes from."""
    table = Table(title=f"Speed of design '{design.name}' at an assumed {design.clock_mhz} MHz")
    for heading in ("", "ours", "origin", "must", "goal", "others, published"):
        table.add_column(heading)
    for name, found in measurements.items():
        first, again = (
            f"{cycles:,} ({cycles / (design.clock_mhz * 1e3):.2f} ms)"
            for cycles in (found.cycles, found.settled_cycles)
        )
        tiny = name == "tiny"
        table.add_row(
            f"{name}: cycles, first image / again",
            f"{first} / {again}",
            SIMULATED,
            "480,000" if tiny else "",
            "350,000" if tiny else "",
            _cite(EDGE_MOE, COQMOE) if tiny else "",
        )
        table.add_row(
            f"{name}: useful MACs per cycle",
            f"{found.macs / found.cycles:,.0f}",
            "counted / simulated",
            "1,630" if tiny else "",
            "2,240" if tiny else "",
            _cite(EDGE_MOE_MACS) if tiny else "",
        )
        table.add_row(
            f"{name}: DDR bytes, first image / again",
            f"{found.ddr_bytes:,} / {found.settled_ddr_bytes:,}",
            COUNTED,
            f"{1.1 * found.needed_bytes:,.0f}",
            "",
            "",
        )
        switch = found.task_switch_cycles
        table.add_row(
            f"{name}: task switch, cycles",
            "one task" if switch is None else f"{switch:,}",
            "A B A B less A A B B, simulated",
            "0",
            "",
            "",
        )
        table.add_row(
            f"{name}: equal to the reference", "yes" if found.equal else "NO", SIMULATED, "yes",
            "", "",
        )  # fmt: skip
        table.add_section()
    table.add_row(
        "error of the cycle model", f"{model_error:.1%}", f"{MODEL} against RTL", "5 %", "", ""
    )
    return table


def _cite(*published: Published) -> str:
    return "\n".join(f"{item.value} ({item.origin})" for item in published)
