import io

from rich.console import Console

from m3vit.host.energy.rows import Number, Row, powered, timed, unmetered
from m3vit.host.energy.table import show, text


def printed(*groups):
    console = Console(file=io.StringIO(), width=200)
    show(groups, console)
    return console.file.getvalue()


def line_of(table, word):
    (line,) = (line for line in table.splitlines() if line.startswith("│") and word in line)
    return [cell.strip() for cell in line.strip("│").split("│")]


def energy(origin, **ends):
    numbers = timed(Number(2.0, origin, "clock"), 1, 1.0)
    return numbers | powered(Number(4.0, origin, "m"), Number(0.008, origin, "m", **ends), 1.0)


def test_estimates_never_stand_in_the_measured_column():
    table = printed(
        (
            "all",
            [
                Row("metered", "h", 1, energy("measured", low=0.007, high=0.009)),
                Row("modelled", "h", 1, energy("estimated", low=0.002, high=0.02)),
                Row("printed", "h", 1, energy("published")),
            ],
        )
    )
    header = [cell.strip() for cell in table.splitlines()[1].strip("┃").split("┃")]
    measured, other = header.index("J/image measured"), header.index("J/image not measured")
    assert line_of(table, "metered")[measured] == "0.008 ± 0.001"
    assert line_of(table, "metered")[other] == ""
    assert line_of(table, "modelled")[measured] == ""
    assert line_of(table, "modelled")[other] == "0.002–0.02 est."
    assert line_of(table, "printed")[measured] == ""
    assert line_of(table, "printed")[other] == "0.008"


def test_a_missing_number_has_a_reason_that_is_printed_once():
    rows = [
        Row(name, "h", 1, timed(Number(2.0, "measured", "c"), 1, 1.0), unmetered("no meter here"))
        for name in ("first", "second")
    ]
    table = printed(("group", rows))
    assert "none" in line_of(table, "first")
    assert "[1]" in line_of(table, "first")[0]
    assert "[1]" in line_of(table, "second")[0]
    assert table.count("no meter here") == 1


def test_numbers_have_three_digits():
    assert text(Number(0.012345, "published", "p")) == "0.0123"
    assert text(Number(1234.5, "measured", "m")) == "1234"
    assert text(Number(3.0, "simulated", "s", 3.0, 3.0)) == "3 sim."
    assert text(Number(0.0, "measured", "m", -0.5, 0.5)) == "0 ± 0.5"
