"""The energy comparison as a picture: latency against energy of one image, batch 1."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from m3vit.errors import UserError

from .rows import Number, Row

MARKERS = {"measured": "o", "estimated": "D", "published": "s"}
COLOURS = {"measured": "#1a7f37", "estimated": "#d1570c", "published": "#57606a"}
SIZE = (9.0, 4.8)
CAPTION = (
    "Estimates are of logic and DDR accesses only, measurements of what the meter covers; "
    "published powers are as their authors metered or estimated them."
)
DOTS_PER_INCH = 150


def check_format(path: str | Path) -> None:
    """Refuse a file name whose suffix names no picture format.

    Raises:
        UserError: naming those that work.
    """
    kinds = sorted(FigureCanvasAgg.get_supported_filetypes())
    if Path(path).suffix.lstrip(".").lower() not in kinds:
        raise UserError(f"cannot draw to '{path}': let it end with one of .{', .'.join(kinds)}")


def draw(path: str | Path, rows: Iterable[Row], papers: Iterable[Row]) -> None:
    """Draw every row of batch 1 that has a time and an energy; both axes are logarithmic.

    Colour and marker tell where the energy comes from, bars its range; a key names the numbers.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    origins: list[str] = []
    key: list[str] = []
    for row in (*rows, *papers):
        latency, joules = (row.numbers.get(name) for name in ("latency_ms", "joules"))
        if row.batch != 1 or latency is None or joules is None:
            continue
        key.append(f"{len(key) + 1}  {row.system}, {row.hardware}")
        _point(axes, len(key), latency, joules, labelled=joules.origin not in origins)
        origins.append(joules.origin)
    axes.text(1.02, 1.0, "\n".join(key), transform=axes.transAxes, va="top", fontsize=7)
    axes.set(xscale="log", yscale="log", xlabel="ms per image, batch 1", ylabel="J per image")
    axes.grid(True, which="both", color="#eaeef2")
    axes.set_axisbelow(True)
    axes.margins(x=0.1, y=0.1)
    if origins:
        axes.legend(title="energy is")
    axes.set_title("Energy of one image", loc="left")
    figure.supxlabel(CAPTION, fontsize=7)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _point(axes: Axes, number: int, latency: Number, joules: Number, *, labelled: bool) -> None:
    ends = [[0.0], [0.0]]
    if joules.low is not None and joules.high is not None:
        ends = [[joules.value - joules.low], [joules.high - joules.value]]
    axes.errorbar(
        [latency.value],
        [joules.value],
        yerr=ends,
        marker=MARKERS[joules.origin],
        color=COLOURS[joules.origin],
        capsize=3,
        linestyle="none",
        label=joules.origin if labelled else None,
    )
    axes.annotate(
        str(number),
        (latency.value, joules.value),
        xytext=(5, 4),
        textcoords="offset points",
        fontsize=8,
    )
