"""Tables of what hardware takes: `m3vit hls estimate`."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from m3vit.hls.resources.cells import Resources
    from m3vit.hls.resources.engine import EngineEstimate
    from m3vit.hls.resources.synthesis import Estimate

_COLUMNS = ("LUT", "FF", "DSP", "BRAM36", "URAM")
_SHARED = ("lut", "ff", "dsp", "bram36", "uram")


def show_estimate(result: "Estimate") -> None:
    """Print modules with all that they contain, and the shares of the ZCU104's device."""
    from rich.console import Console

    from m3vit.hls.resources.cells import XCZU7EV
    from m3vit.hls.resources.synthesis import PROVENANCE

    table = _table(f"{result.top}: {PROVENANCE} ({result.tool})", "module, with what it contains")
    for name in result.modules:
        table.add_row(name, *_cells(result.within(name)))
    table.add_section()
    table.add_row("of the ZCU104's XCZU7EV", *_percentages(XCZU7EV.shares(result.total)))
    Console().print(table)


def show_engine(result: "EngineEstimate") -> None:
    """Print an accelerator by unit, what is left of its device, and its longest stages."""
    from rich.console import Console
    from rich.markup import escape

    from m3vit.hls.resources.engine import MARGIN, STAGE_SHARE
    from m3vit.hls.resources.synthesis import PROVENANCE

    console, device = Console(highlight=False), result.device
    table = _table(
        f"engine of design {result.design.name}: {PROVENANCE} ({result.mapped.tool})", "unit"
    )
    for unit, used in result.units().items():
        table.add_row(unit, *_cells(used))
    table.add_section()
    table.add_row("in all", *_cells(result.total))
    had = (device.luts, device.ff, device.dsp, device.bram36, device.uram)
    table.add_row(device.name, *(f"{number:,}" for number in had))
    table.add_row("used", *_percentages(device.shares(result.total)))
    console.print(table)
    console.print(
        f"{result.total.memory_lut:,} of the LUTs are memory; the array multiplies in "
        f"{result.array_dsp():,} DSP blocks. yosys packs no registers into DSP blocks of this "
        "family: a vendor's tool needs fewer FF and LUT."
    )
    exceeded = result.exceeded()
    if exceeded:
        names = ", ".join(f"{kind} {share:.0%}" for kind, share in exceeded.items())
        console.print(f"[red]less than {MARGIN:.0%} is left of: {names}[/red]")
    else:
        console.print(f"at least {MARGIN:.0%} is left of everything")
    limit = STAGE_SHARE * result.report.clock_ns
    console.print(
        f"stages above {limit:.2f} ns, {STAGE_SHARE:.0%} of the clock, by the compiler's estimate:"
    )
    for module, ns, place in result.long_stages():
        console.print(f"  {ns:.2f} ns  {module}  {escape(PurePath(place).name)}")


def _table(title: str, first: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    table.add_column(first)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(used: "Resources") -> list[str]:
    """Half a block RAM is shown as such: a neighbour may use the other half."""
    counts: list[Any] = [used.luts, used.ff, used.dsp, used.ramb18 / 2, used.uram]
    return [f"{count:,.1f}".removesuffix(".0") if count else "" for count in counts]


def _percentages(shares: Mapping[str, float]) -> list[str]:
    return [f"{shares[kind]:.1%}" for kind in _SHARED]
