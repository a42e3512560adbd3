"""When the cycle model lets rows be read and written."""

from m3vit.sim.performance.order import Access, Port


def test_rows_can_be_read_as_they_are_finished() -> None:
    access = Access()
    assert access.begin_write("LayerNorm") == 0
    access.finish_rows(4, 10.0)
    access.finish_rows(4, 20.0)
    access.end_write(21.0)
    assert access.readable(1) == access.readable(4) == 10
    assert access.readable(5) == 20
    assert access.readable(9) == 21  # beyond its rows, the whole write is waited for


def test_a_write_waits_for_what_is_in_front() -> None:
    access = Access()
    access.begin_write("first")
    access.end_write(30.0)
    access.read = 50.0
    assert access.begin_write("second") == 50
    access.finish_rows(1, 20.0)
    access.end_write(60.0)
    assert access.readable(1) == 30  # not before the first write was complete
    assert access.writer == "second"


def test_a_port_gives_what_others_leave() -> None:
    port = Port([(10.0, 20.0, 0.5)])
    assert port.advance(0.0, 5) == 5
    assert port.advance(10.0, 4) == 18
    assert port.advance(8.0, 4) == 14
    assert port.advance(12.0, 6) == 22
