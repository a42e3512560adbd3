"""The picture of a search: how fast a design is against what it takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from m3vit.files import atomic_path
from m3vit.hls.resources.cells import XCZU7EV

from .study import Candidate, pareto

_WIDEST = 1.6  # times the device's DSP blocks; what is larger is not shown


def draw(
    path: str | Path,
    candidates: Sequence[Candidate],
    known: Mapping[str, Candidate],
    title: str,
) -> None:
    """Write the picture; the file appears whole or not at all.

    Args:
        path: its suffix chooses the format.
        candidates: designs that were tried.
        known: designs that are marked with their names.
        title: what ran, and where the numbers come from.
    """
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    best = pareto(candidates)
    others = [one for one in candidates if one.evaluation.fits and one not in best]
    too_large = [one for one in candidates if not one.evaluation.fits]
    axes.scatter(
        *_places(too_large),
        marker="x",
        s=14,
        linewidths=0.7,
        color="#bbbbbb",
        label="leaves less than 10 % of the device",
    )
    axes.scatter(*_places(others), s=8, color="#888888", label="beaten by another")
    colours, scale = colormaps["viridis_r"], Normalize(0, 0.9)
    shown = axes.scatter(
        *_places(best),
        s=42,
        c=[_memory_share(one) for one in best],
        cmap=colours,
        norm=scale,
        edgecolors="black",
        linewidths=0.5,
        zorder=3,
        label="Pareto-optimal",
    )
    front = _front(best)
    axes.step(*_places(front), where="post", color="black", linewidth=0.8, zorder=2)
    for name, one in known.items():
        (x,), (y,) = _places([one])
        axes.scatter([x], [y], marker="*", s=190, color="#d62728", edgecolors="black", zorder=4)
        axes.annotate(
            name, (x, y), xytext=(9, 7), textcoords="offset points", color="#d62728", zorder=4
        )
    axes.set(yscale="log", ylabel="milliseconds for one image", title=title)
    axes.set_xlim(0, _WIDEST * XCZU7EV.dsp)
    axes.set_xlabel(f"DSP blocks (the {XCZU7EV.name} has {XCZU7EV.dsp:,})")
    axes.axvline(0.9 * XCZU7EV.dsp, color="#d62728", linestyle=":", linewidth=1)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(which="both", color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper right")
    figure.colorbar(shown, label="share of the scarcer of block RAM and UltraRAM", format="{x:.0%}")
    with atomic_path(path) as fresh:
        figure.savefig(fresh, format=Path(path).suffix.removeprefix("."), dpi=140)


def _places(candidates: Sequence[Candidate]) -> tuple[list[int], list[float]]:
    return [one.evaluation.resources.dsp for one in candidates], [
        milliseconds(one) for one in candidates
    ]


def _front(best: Sequence[Candidate]) -> list[Candidate]:
    """Those that are fastest with their DSP blocks, whatever their memory."""
    front: list[Candidate] = []
    for one in sorted(best, key=lambda one: (one.evaluation.resources.dsp, one.evaluation.cycles)):
        if not front or one.evaluation.cycles < front[-1].evaluation.cycles:
            front.append(one)
    return front


def _memory_share(one: Candidate) -> float:
    shares: dict[str, Any] = XCZU7EV.shares(one.evaluation.resources)
    return float(max(shares["bram36"], shares["uram"]))


def milliseconds(one: Candidate) -> float:
    """Of one image, at the clock of the design."""
    return one.evaluation.cycles / one.design.clock_mhz / 1000
