"""The benchmark as a picture: a panel for each quantity, a line for each row, origins by marker."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from m3vit.errors import UserError
from m3vit.files import atomic_path

from .rows import Number, Row
from .table import Groups, mark, remarks

PANELS = {
    "latency_ms": "latency of a batch, ms",
    "images_per_second": "images/s",
    "watts": "W",
    "joules": "J/image",
    "gops_per_watt": "GOPS/W",
}
STYLES = {
    "measured": ("o", "#1a7f37", True),
    "simulated": ("^", "#0969da", False),
    "estimated": ("D", "#d1570c", False),
    "published": ("s", "#57606a", True),
}
"""Marker, colour, and whether it is filled: what nobody measured is hollow."""

WIDTH, LINE_HEIGHT, NOTE_HEIGHT = 14.0, 0.27, 0.125
ABOVE, BELOW = 0.75, 0.45
"""Inches: of the picture, of a row, of a line of notes, and what is left around the panels."""

NOTE_COLUMNS = 205
MAJOR_TICKS = 8
SHORT_AXIS = 300.0
"""Largest over smallest number of an axis that needs labels between powers of ten."""
DOTS_PER_INCH = 150


def check_format(path: str | Path) -> None:
    """Refuse a file name whose suffix names no picture format.

    Raises:
        UserError: naming those that work.
    """
    kinds = sorted(FigureCanvasAgg.get_supported_filetypes())
    if Path(path).suffix.lstrip(".").lower() not in kinds:
        raise UserError(f"cannot draw to '{path}': let it end with one of .{', .'.join(kinds)}")


def draw(path: str | Path, groups: Groups, title: str) -> None:
    """Draw groups of rows, whole or not at all.

    All quantities are on logarithmic axes; bars are ranges: of a meter's resolution, of an
    estimate, of a paper that leaves its configuration open. Where there is no number there is a
    dash, and the notes say why; they have the numbers of the table.

    Args:
        path: see `check_format`.
        groups: heading and rows. title: of the picture.
    """
    rows = [row for _, found in groups for row in found]
    numbered = remarks(rows)
    notes = [
        line
        for remark, number in numbered.items()
        for line in textwrap.wrap(f"[{number}] {remark}", NOTE_COLUMNS, subsequent_indent="      ")
    ]
    places = _places(groups)
    below = BELOW + NOTE_HEIGHT * len(notes)
    height = ABOVE + LINE_HEIGHT * (max(places, default=0) + 1) + below
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.subplots(1, len(PANELS), sharey=True, squeeze=False)[0]
    figure.subplots_adjust(
        left=0.27,
        right=0.985,
        top=1 - ABOVE / height,
        bottom=below / height,
        wspace=0.09,
    )
    for panel, (column, name) in zip(axes, PANELS.items(), strict=True):
        _panel(panel, [row.numbers.get(column) for row in rows], places)
        panel.set_title(name, fontsize=9)
    _labels(axes[0], groups, rows, numbered, places)
    figure.suptitle(title, x=0.01, y=1 - 0.1 / height, ha="left", va="top", fontsize=11)
    _legend(figure)
    figure.text(0.01, 0.06 / height, "\n".join(notes), fontsize=6.5, va="bottom", linespacing=1.25)
    FigureCanvasAgg(figure)
    with atomic_path(path) as fresh:
        figure.savefig(fresh, dpi=DOTS_PER_INCH)


def _places(groups: Groups) -> list[int]:
    """How far down each row is; every group begins with its heading."""
    places: list[int] = []
    line = 0
    for _, rows in groups:
        places += range(line + 1, line + 1 + len(rows))
        line += 1 + len(rows)
    return places


def _panel(axes: Axes, numbers: Sequence[Number | None], places: Sequence[int]) -> None:
    if any(numbers):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=_labelled(numbers), numticks=MAJOR_TICKS))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_axisbelow(True)
    axes.grid(True, axis="x", which="major", color="#d0d7de", linewidth=0.7)
    axes.tick_params(labelsize=7, length=2)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    for number, place in zip(numbers, places, strict=True):
        axes.axhline(place, color="#eaeef2", linewidth=0.7, zorder=0)
        if number is None:
            axes.text(
                *(0.5, place, "–"),
                transform=axes.get_yaxis_transform(),
                ha="center",
                va="center",
                color="#8c959f",
            )
        else:
            _point(axes, number, place)
    axes.margins(x=0.12)


def _labelled(numbers: Sequence[Number | None]) -> tuple[float, ...]:
    """Multiples of powers of ten to label; a short axis would have one label otherwise."""
    found = [
        end for each in numbers if each for end in (each.low or each.value, each.high or each.value)
    ]
    return (1.0,) if max(found) / min(found) > SHORT_AXIS else (1.0, 3.0)


def _point(axes: Axes, number: Number, place: int) -> None:
    marker, colour, filled = STYLES[number.origin]
    ends = None
    if number.low is not None and number.high is not None:
        ends = [[max(0.0, number.value - number.low)], [max(0.0, number.high - number.value)]]
    axes.errorbar(
        [number.value],
        [place],
        xerr=ends,
        marker=marker,
        markersize=6,
        color=colour,
        markerfacecolor=colour if filled else "white",
        capsize=3,
        linestyle="none",
    )


def _labels(
    axes: Axes,
    groups: Groups,
    rows: Sequence[Row],
    numbered: dict[str, int],
    places: Sequence[int],
) -> None:
    texts = [
        f"{row.system}, {row.hardware}"
        + (f", batch {row.batch}" if row.batch > 1 else "")
        + mark(row, numbered)
        for row in rows
    ]
    axes.set_yticks(list(places), texts, fontsize=7.5)
    axes.set_ylim(max(places, default=0) + 0.7, -0.5)
    line = 0
    for heading, found in groups:
        axes.annotate(
            heading,
            (0.0, line),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            fontweight="bold",
        )
        line += 1 + len(found)


def _legend(figure: Figure) -> None:
    """All four, so that what nobody measured is seen to be so."""
    handles = [
        Line2D(
            [],
            [],
            marker=marker,
            color=colour,
            markerfacecolor=colour if filled else "white",
            linestyle="none",
            label=origin,
        )
        for origin, (marker, colour, filled) in STYLES.items()
    ]
    figure.legend(handles=handles, loc="upper right", ncols=len(handles), fontsize=8, frameon=False)
