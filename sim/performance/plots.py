"""Pictures of estimates: where cycles go, and how far from the roofs of array and memory.

Needs matplotlib, which the extra `demo` installs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3vit.errors import UserError
from m3vit.files import atomic_path

from .estimate import ARRAY, Estimate
from .timing import Ddr

COLOURS = {
    ARRAY: "#4c78a8",
    "DDR": "#e45756",
    "results": "#f58518",
    "softmax": "#b279a2",
    "LayerNorm": "#72b7b2",
    "gate": "#eeca3b",
    "routing": "#54a24b",
    "panel": "#9d755d",
    "image": "#ff9da6",
    "LOAD": "#d6a5c9",
    "sequencer": "#d67195",
    "table": "#bab0ac",
    "end": "#79706e",
}
OTHER = "#cccccc"


@dataclass(frozen=True)
class Point:
    """A network in the roofline plot.

    Attributes:
        name: of it.
        macs: useful ones. ddr_bytes: moved for them. cycles: taken.
        measured: on the RTL; otherwise by the model.
    """

    name: str
    macs: int
    ddr_bytes: int
    cycles: int
    measured: bool


def plot_parts(estimate: Estimate, path: Path, title: str) -> None:
    """A bar per part of the network: cycles in which the array multiplied, and waited for what.

    Raises:
        UserError: matplotlib is not installed.
    """
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(9, 0.26 * len(estimate.parts) + 1.6))
    causes = [cause for cause in COLOURS if cause == ARRAY or cause in estimate.usage.waits]
    names = [part.name for part in estimate.parts]
    left = [0.0] * len(names)
    for cause in causes:
        widths = [
            part.usage.beats if cause == ARRAY else part.usage.waits.get(cause, 0.0)
            for part in estimate.parts
        ]
        total = sum(widths) / estimate.cycles
        label = f"{'array multiplies' if cause == ARRAY else cause} ({total:.1%})"
        axes.barh(names, widths, left=left, color=COLOURS.get(cause, OTHER), label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel("cycles")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(title="the array multiplies, or waits for", fontsize="small", frameon=False,
                loc="upper left", bbox_to_anchor=(1.0, 1.0))  # fmt: skip
    _save(figure, path)


def plot_roofline(points: Sequence[Point], estimate: Estimate, ddr: Ddr, path: Path) -> None:
    """Useful MACs per cycle over MACs per byte, below the roofs of a design.

    Args:
        points: networks.
        estimate: any one on the design.
        ddr: the memory.
        path: of the picture.

    Raises:
        UserError: matplotlib is not installed.
    """
    pyplot = _pyplot()
    design = estimate.design
    peak = design.array_tokens * design.array_inputs * design.array_outputs
    intensities = [point.macs / point.ddr_bytes for point in points]
    low, high = min(*intensities, 4.0) / 2, max(*intensities, peak / ddr.bytes_per_cycle) * 4
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    ridge = peak / ddr.bytes_per_cycle
    axes.loglog([low, ridge, high], [low * ddr.bytes_per_cycle, peak, peak], color="#333333")
    axes.annotate(f"{peak:,} MAC/cycle", (high, peak), ha="right", va="bottom")
    axes.annotate(
        f"{ddr.bytes_per_cycle:g} B/cycle", (low * 1.2, low * 1.3 * ddr.bytes_per_cycle),
        rotation=34, va="bottom", ha="left",
    )  # fmt: skip
    colours = [colour for cause, colour in COLOURS.items() if cause != "table"]
    for number, (point, intensity) in enumerate(zip(points, intensities, strict=True)):
        rate = point.macs / point.cycles
        roof = min(peak, intensity * ddr.bytes_per_cycle)
        axes.plot(
            intensity, rate, "o", markersize=8, color=colours[number % len(colours)],
            fillstyle="full" if point.measured else "none",
            label=f"{point.name}: {rate:,.0f} MAC/cycle, {rate / roof:.0%} of the roof",
        )  # fmt: skip
    axes.legend(loc="lower right", frameon=False)
    axes.set_xlabel("useful MACs per byte of DDR traffic")
    axes.set_ylabel("useful MACs per cycle")
    axes.set_title(f"Design {design.name}: full dots measured on the RTL, open ones estimated")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom=min(low * ddr.bytes_per_cycle, *(p.macs / p.cycles for p in points)) / 2)
    _save(figure, path)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise UserError("plots need matplotlib: pip install 'm3vit[demo]'") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as fresh:
        figure.savefig(fresh, format=path.suffix[1:], dpi=120, bbox_inches="tight")
    _pyplot().close(figure)
