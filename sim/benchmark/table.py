"""The table of speed: what is required, what was measured, what others have published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich import box
from rich.table import Table

from m3vit.hls.design import DesignConfig

from .measure import Measurement


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


NOTHING = Wanted()
CYCLES, MACS = "cycles", "macs"
WANTED: Mapping[tuple[str, str], Wanted] = {
    ("tiny", CYCLES): Wanted("480,000", "350,000", (EDGE_MOE, COQMOE)),
    ("tiny", MACS): Wanted("1,630", "2,240", (EDGE_MOE_MACS,)),
    ("small", CYCLES): Wanted("18,000,000", "13,200,000", (M3VIT_SMALL,)),
}
"""By network and number."""

DDR_LIMIT = 1.1
LIMITED = ("nano", "tiny")
"""Bytes moved over bytes needed, of these networks: the chip holds them at once, and programs and
padding are little of what they move."""

MEANING = (
    "macs: useful ones per cycle; task switch: cycles of A B A B less those of A A B B; equal: "
    "every output, expert and score to the reference"
)
ORIGIN = (
    "cycles, switches and equality: simulated, RTL in Verilator with a DDR model of 50 bytes/cycle "
    "and 60 cycles; bytes and MACs: counted in the same runs"
)


def speed_table(
    design: DesignConfig, measurements: Mapping[str, Measurement], model_error: float
) -> Table:
    """One row per number; the caption says where each comes from."""
    notes: list[str] = []
    table = Table(box=box.SIMPLE, pad_edge=False, caption_justify="left", title_justify="left")
    table.title = f"Design '{design.name}' at an assumed {design.clock_mhz} MHz"
    table.add_column("", no_wrap=True)
    for heading in ("first image", "next image", "must", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("published")

    def row(what: str, first: str, again: str = "", wanted: Wanted = NOTHING) -> None:
        cited = []
        for other in wanted.others:
            if other.origin not in notes:
                notes.append(other.origin)
            cited.append(f"{other.value} [{notes.index(other.origin) + 1}]")
        table.add_row(what, first, again, wanted.must, wanted.goal, "\n".join(cited))

    def milliseconds(cycles: int) -> str:
        return f"{cycles / (design.clock_mhz * 1e3):.2f}"

    def numbers(what: str, show: Callable[[int], str], found: tuple[int, int | None]) -> None:
        first, again = found
        wanted = WANTED.get((name, what), NOTHING)
        row(what, show(first), "" if again is None else show(again), wanted)

    for name, found in measurements.items():
        table.add_row(f"[bold]{name}[/bold]" + (f", {found.tiles} tiles" * (found.tiles > 1)))
        cycles = found.cycles, found.settled_cycles
        numbers(CYCLES, "{:,}".format, cycles)
        numbers("milliseconds", milliseconds, cycles)
        numbers(
            MACS,
            "{:,}".format,
            (
                round(found.macs / found.cycles),
                None if found.settled_cycles is None else round(found.macs / found.settled_cycles),
            ),
        )
        row(
            "DDR bytes",
            f"{found.ddr_bytes:,}",
            "" if found.settled_ddr_bytes is None else f"{found.settled_ddr_bytes:,}",
            Wanted(f"{DDR_LIMIT * found.needed_bytes:,.0f}") if name in LIMITED else NOTHING,
        )
        if found.task_switch_cycles is not None:
            row("task switch", "", f"{found.task_switch_cycles:,}", Wanted("0"))
        row("equal", "yes" if found.equal else "NO", wanted=Wanted("yes"))
        table.add_section()
    row("model error", f"{model_error:.1%}", wanted=Wanted("5 %"))
    cited = "; ".join(f"[{number}] {origin}" for number, origin in enumerate(notes, 1))
    table.caption = f"{MEANING}\n{ORIGIN}\n{cited}"
    return table
