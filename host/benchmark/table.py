"""The benchmark as a table for people: every number with its origin, every gap with its reason."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from .rows import Number, Row

COLUMNS: Mapping[str, str] = {
    "latency_ms": "ms",
    "images_per_second": "images/s",
    "watts": "W",
    "joules": "J/image",
    "gops": "GOPS",
    "gops_per_watt": "GOPS/W",
}
"""Of `Row.numbers`, with their headings; ms is of a batch."""

LABELS = {"simulated": " sim.", "estimated": " est."}
LEGEND = (
    "No label: measured here, or published where the heading says so. sim.: simulated; est.: "
    "estimated, with its range. –: no number, and the row's note says why. GOPS: two operations "
    "per product, counted from the real configuration."
)
SYSTEM_WIDTH = 30

Groups = Sequence[tuple[str, Sequence[Row]]]


def show(groups: Groups, console: Console) -> None:
    """Print groups of rows with a heading each, then reasons and notes by number."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("system", min_width=SYSTEM_WIDTH)
    for name in ("batch", *COLUMNS.values()):
        table.add_column(name, justify="right")
    numbered = remarks(row for _, rows in groups for row in rows)
    for heading, rows in groups:
        table.add_section()
        table.add_row(f"[bold]{heading}[/bold]")
        for row in rows:
            table.add_row(
                f"{row.system}, {row.hardware}{mark(row, numbered)}",
                str(row.batch),
                *(_cell(row, column) for column in COLUMNS),
            )
    console.print(table)
    console.print(LEGEND, highlight=False)
    for reason, number in numbered.items():
        console.print(f"[{number}] {reason}", markup=False, highlight=False)


def remarks(rows: Iterable[Row]) -> dict[str, int]:
    """Reasons and notes of all rows, numbered in their order; each once."""
    found = dict.fromkeys(remark for row in rows for remark in _remarks(row))
    return {remark: number for number, remark in enumerate(found, 1)}


def mark(row: Row, numbered: Mapping[str, int]) -> str:
    """The numbers of a row's reasons and notes, such as " [1,4]"."""
    numbers = map(str, sorted(numbered[remark] for remark in _remarks(row)))
    return f" [{','.join(numbers)}]" if _remarks(row) else ""


def _remarks(row: Row) -> list[str]:
    return [*dict.fromkeys(row.missing.values()), *row.notes]


def _cell(row: Row, column: str) -> str:
    number = row.numbers.get(column)
    return "–" if number is None else text(number)


def text(number: Number) -> str:
    """Three digits; measured values with their error, others with their range.

    What is simulated or estimated says so; published rows have a heading.
    """
    label = LABELS.get(number.origin, "")
    if number.low is None or number.high is None:
        return digits(number.value) + label
    if number.origin == "measured":
        return f"{digits(number.value)} ± {digits((number.high - number.low) / 2)}"
    if digits(number.low) == digits(number.high):
        return digits(number.value) + label
    return f"{digits(number.low)}–{digits(number.high)}{label}"


def digits(value: float) -> str:
    """Three digits, and never an exponent for what is large."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
