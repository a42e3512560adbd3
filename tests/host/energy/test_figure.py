import pytest
from matplotlib.figure import Figure

from m3vit.errors import UserError
from m3vit.host.energy import figure
from m3vit.host.energy.published import published_rows
from m3vit.host.energy.rows import Number, Row, powered, timed


def row(name, origin, batch=1):
    numbers = timed(Number(2.0, origin, "clock"), batch, 1.0)
    joules = Number(0.01, origin, "m", low=0.005, high=0.02)
    return Row(name, "h", batch, numbers | powered(Number(5.0, origin, "m"), joules, 1.0))


def test_every_row_with_time_and_energy_is_drawn_with_its_origin(tmp_path, monkeypatch):
    drawn = []
    original = Figure.savefig

    def keep(self, *arguments, **options):
        drawn.append(self.axes[0])
        return original(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    rows = [row("a", "measured"), row("b", "estimated"), row("c", "measured", batch=8)]
    figure.draw(tmp_path / "f.png", [*rows, Row("nothing", "h", 1)], published_rows())
    assert (tmp_path / "f.png").stat().st_size > 10_000
    (axes,) = drawn
    key, *marks = (text.get_text() for text in reversed(axes.texts))
    names = ["a", "b", *(paper.system for paper in published_rows())]
    assert sorted(marks, key=int) == [str(number + 1) for number in range(len(names))]
    for number, (line, name) in enumerate(zip(key.split("\n"), names, strict=True), 1):
        assert line.startswith(f"{number}  {name}, ")
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["measured", "estimated", "published"]


def test_no_rows_give_an_empty_picture(tmp_path):
    figure.draw(tmp_path / "f.svg", [], [])
    assert (tmp_path / "f.svg").exists()


def test_unknown_formats_are_refused():
    for name in ("energy.xyz", "energy"):
        with pytest.raises(UserError, match=r"\.png"):
            figure.check_format(name)
    figure.check_format("energy.svg")
