"""The energy comparison as a table for people; metered and other energies have columns apart."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from .rows import Number, Row

COLUMNS = (
    "batch",
    "ms",
    "images/s",
    "W",
    "J/image measured",
    "J/image not measured",
    "images/J",
    "GOPS",
    "GOPS/W",
)

LABELS = {"simulated": " sim.", "estimated": " est."}
SYSTEM_WIDTH = 34


def show(groups: Iterable[tuple[str, Sequence[Row]]], console: Console) -> None:
    """Print groups of rows with a heading each, then reasons and notes by number."""
    table = Table(show_lines=False, pad_edge=False)
    table.add_column("system", min_width=SYSTEM_WIDTH)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    remarks: dict[str, int] = {}
    for heading, rows in groups:
        table.add_section()
        table.add_row(f"[bold]{heading}[/bold]")
        for row in rows:
            reasons = [*dict.fromkeys(row.missing.values()), *row.notes]
            marks = [str(remarks.setdefault(reason, len(remarks) + 1)) for reason in reasons]
            table.add_row(
                f"{row.system}, {row.hardware}" + (f" [{','.join(marks)}]" if marks else ""),
                str(row.batch),
                *_cells(row),
            )
    console.print(table)
    for reason, number in remarks.items():
        console.print(f"[{number}] {reason}", markup=False, highlight=False)


def _cells(row: Row) -> list[str]:
    joules = row.numbers.get("joules")
    measured = joules is not None and joules.origin == "measured"
    return [
        _cell(row, "latency_ms"),
        _cell(row, "images_per_second"),
        _cell(row, "watts"),
        _cell(row, "joules") if measured or joules is None else "",
        "" if measured or joules is None else _cell(row, "joules"),
        _cell(row, "images_per_joule"),
        _cell(row, "gops"),
        _cell(row, "gops_per_watt"),
    ]


def _cell(row: Row, column: str) -> str:
    number = row.numbers.get(column)
    return "none" if number is None else text(number)


def text(number: Number) -> str:
    """Three digits; measured values with their error, others with their range.

    What is simulated or estimated says so; published rows have a heading.
    """
    label = LABELS.get(number.origin, "")
    if number.low is None or number.high is None:
        return _digits(number.value) + label
    if number.origin == "measured":
        return f"{_digits(number.value)} ± {_digits((number.high - number.low) / 2)}"
    if _digits(number.low) == _digits(number.high):
        return _digits(number.value) + label
    return f"{_digits(number.low)}–{_digits(number.high)}{label}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
