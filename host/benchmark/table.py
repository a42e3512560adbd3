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
    "gops_per_watt": "GOPS/W",
}
"""Of `Row.numbers`, with their headings; ms is of a batch."""

LABELS = {"simulated": " sim.", "estimated": " est."}
LEGEND = (
    "Here: the same model and images in every row; no label: measured. sim.: simulated; est.: "
    "estimated, with its range. –: no number, and the row's note says why. Published: of other "
    "configurations, see the notes. ms: of a batch. GOPS: two operations per product, counted from "
    "the real configuration."
)
SYSTEM_WIDTH = 14
DIGITS, RANGE_DIGITS = 3, 2
LINE = "\n"
"""Before the label of a range, so that the table fits a screen of 80 columns."""

Groups = Sequence[tuple[str, Sequence[Row]]]


def show(groups: Groups, console: Console) -> None:
    """Print groups of rows with a heading each, then reasons and notes by number."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("system", min_width=SYSTEM_WIDTH)
    for name in ("batch", *COLUMNS.values()):
        table.add_column(name, justify="right", no_wrap=True)
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
    """Three digits; measured values with their error, what is uncertain as its range.

    What is simulated or estimated says so; published rows have a heading. The range of what is
    simulated is that of the images, and is left to the JSON.
    """
    label = LABELS.get(number.origin, "")
    if number.low is None or number.high is None or number.origin == "simulated":
        return digits(number.value) + label
    if number.origin == "measured":
        return f"{digits(number.value)} ± {digits((number.high - number.low) / 2, RANGE_DIGITS)}"
    low, high = (digits(end, RANGE_DIGITS) for end in (number.low, number.high))
    if low == high:
        return digits(number.value) + label
    return f"{low}–{high}{label.replace(' ', LINE)}"


def digits(value: float, count: int = DIGITS) -> str:
    """So many digits, and never an exponent for what is large."""
    return f"{value:.{count}g}" if abs(value) < 10**count else f"{value:.0f}"
