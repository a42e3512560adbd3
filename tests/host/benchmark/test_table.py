import io
import re

import pytest
from rich.console import Console

from m3vit.host.benchmark.published import published_rows
from m3vit.host.benchmark.rows import Number, Row, powered, timed, unmetered
from m3vit.host.benchmark.table import mark, remarks, show, text


def printed(*groups):
    console = Console(file=io.StringIO(), width=200)
    show(groups, console)
    return console.file.getvalue()


def cells(table, word):
    (line,) = (line for line in table.splitlines() if line.strip().startswith(word))
    return re.split(r"\s\s+", line.strip())


def energy(origin, **ends):
    numbers = timed(Number(2.0, origin, "clock"), 1, 1.0)
    return numbers | powered(Number(4.0, origin, "m"), Number(0.008, origin, "m", **ends), 1.0)


def test_numbers_say_where_they_come_from():
    table = printed(
        (
            "here",
            [
                Row("metered", "h", 1, energy("measured", low=0.007, high=0.009)),
                Row("modelled", "h", 1, energy("estimated", low=0.002, high=0.02)),
            ],
        ),
        ("published", [Row("printed", "h", 1, energy("published"))]),
    )
    header = table.splitlines()[1]
    assert re.split(r"\s\s+", header.strip())[4:6] == ["W", "J/image"]
    assert cells(table, "metered")[5] == "0.008 ± 0.001"
    assert cells(table, "modelled")[5] == "0.002–0.02"
    assert table.count("est.") == 5 + 1  # every number of it but the batch, and the legend
    assert cells(table, "modelled")[2] == "2 est."
    assert cells(table, "printed")[5] == "0.008"


def test_a_missing_number_has_a_reason_that_is_printed_once():
    rows = [
        Row(name, "h", 1, timed(Number(2.0, "measured", "c"), 1, 1.0), unmetered("no meter here"))
        for name in ("first", "second")
    ]
    table = printed(("group", rows))
    assert cells(table, "first")[4:6] == ["–", "–"]
    assert cells(table, "first")[0] == "first, h [1]"
    assert cells(table, "second")[0] == "second, h [1]"
    assert table.count("no meter here") == 1


def test_numbers_have_three_digits():
    assert text(Number(0.012345, "published", "p")) == "0.0123"
    assert text(Number(1234.5, "measured", "m")) == "1234"
    assert text(Number(3.004, "simulated", "s", 2.0, 4.0)) == "3 sim."
    assert text(Number(3.0, "estimated", "s", 0.01234, 473.0)) == "0.012–473\nest."
    assert text(Number(3.004, "published", "s", 3.001, 3.007)) == "3"
    assert text(Number(0.0, "measured", "m", -0.5, 0.5)) == "0 ± 0.5"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_number_is_cut_off(width):
    console = Console(file=io.StringIO(), width=width)
    rows = [
        Row("engine of some name", "hardware of a name", 1, energy("estimated", low=1e-4, high=2))
    ]
    show([("here", rows), ("published", published_rows())], console)
    shown = console.file.getvalue()
    assert "…" not in shown
    for words in ("GOPS/W", "0.0001–2", "0.0636", "5.3–8.5"):
        assert words in shown


def test_remarks_have_numbers_in_the_order_of_the_rows():
    rows = [Row("a", "h", 1, notes=("x", "y")), Row("b", "h", 1, notes=("z", "x"))]
    numbered = remarks(rows)
    assert list(numbered) == ["x", "y", "z"]
    assert [mark(row, numbered) for row in rows] == [" [1,2]", " [1,3]"]
    assert mark(Row("c", "h", 1), numbered) == ""
