import pytest
from matplotlib.figure import Figure

from m3vit.errors import UserError
from m3vit.host.benchmark import figure
from m3vit.host.benchmark.published import published_rows
from m3vit.host.benchmark.rows import ENERGY, TIME, Number, Row, powered, timed


def row(name, origin, batch=1):
    numbers = timed(Number(2.0, origin, "clock"), batch, 1.0)
    joules = Number(0.01, origin, "m", low=0.005, high=0.02)
    return Row(name, "h", batch, numbers | powered(Number(5.0, origin, "m"), joules, 1.0))


@pytest.fixture
def drawn(monkeypatch):
    """Figures that were written."""
    found = []
    original = Figure.savefig

    def keep(self, *arguments, **options):
        found.append(self)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return found


def test_every_number_is_drawn_in_its_panel_with_its_origin(tmp_path, drawn):
    rows = [row("a", "measured"), row("b", "estimated"), row("c", "simulated", batch=8)]
    absent = Row("nothing", "h", 1, missing=dict.fromkeys((*TIME, *ENERGY), "not here"))
    groups = [("here", [*rows, absent]), ("published", published_rows())]
    figure.draw(tmp_path / "f.png", groups, "title")
    assert (tmp_path / "f.png").stat().st_size > 10_000
    (picture,) = drawn
    panels = dict(zip(figure.PANELS, picture.axes, strict=True))
    shown = {origin: marker for origin, (marker, *_) in figure.STYLES.items()}
    for column, axes in panels.items():
        assert axes.get_xscale() == "log"
        points = [bar.lines[0] for bar in axes.containers]
        expected = [each.numbers[column] for each in (*rows, *published_rows())]
        assert [point.get_xdata()[0] for point in points] == [each.value for each in expected]
        assert [point.get_marker() for point in points] == [shown[n.origin] for n in expected]
        (dash,) = axes.texts[:1]  # of the row without numbers, where that row is
        assert dash.get_text() == "–" and dash.get_position()[1] == 4
        assert points[3].get_ydata()[0] == 6  # the first paper, below its heading
    labels = [label.get_text() for label in picture.axes[0].get_yticklabels()]
    assert labels[:4] == ["a, h", "b, h", "c, h, batch 8", "nothing, h [1]"]
    (notes,) = (each.get_text() for each in picture.texts if "[1]" in each.get_text())
    assert notes.startswith("[1] not here") and "2.50 GOP" in notes


def test_ranges_are_bars(tmp_path, drawn):
    figure.draw(tmp_path / "f.svg", [("g", [row("a", "estimated")])], "title")
    axes = dict(zip(figure.PANELS, drawn[0].axes, strict=True))
    assert axes["joules"].containers[0].has_xerr
    assert not axes["latency_ms"].containers[0].has_xerr
    (bar,) = axes["joules"].containers[0].lines[2]
    assert bar.get_segments()[0][:, 0] == pytest.approx([0.005, 0.02])


def test_no_rows_give_an_empty_picture(tmp_path):
    figure.draw(tmp_path / "f.svg", [("nobody", [])], "title")
    assert (tmp_path / "f.svg").exists()


def test_a_picture_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figure.draw(tmp_path / "f.png", [("g", [row("a", "measured")])], "title")
    assert not list(tmp_path.iterdir())


def test_unknown_formats_are_refused():
    for name in ("bench.xyz", "bench"):
        with pytest.raises(UserError, match=r"\.png"):
            figure.check_format(name)
    figure.check_format("bench.svg")
