import pytest

from m3vit.host.energy.meter import CounterMeter


def test_a_counter_is_read_twice_and_its_updates_are_the_error(time):
    counts = {"socket": 7.0, "memory": 1.0}
    meter = CounterMeter("fake", lambda: dict(counts), 0.1, time.clock)
    meter.start()
    counts["socket"], counts["memory"] = 27.0, 2.0
    time.sleep(4.0)
    socket, memory = meter.stop()
    assert (socket.domain, socket.joules, socket.seconds, socket.watts) == ("socket", 20, 4, 5)
    assert socket.error == pytest.approx(2 * 0.1 * 5)
    assert socket.watts_error == pytest.approx(socket.error / 4)
    assert memory.joules == 1.0


def test_a_counter_that_was_not_started_or_goes_backwards_is_loud(time):
    counts = {"socket": 7.0}
    meter = CounterMeter("fake", lambda: dict(counts), 0.1, time.clock)
    with pytest.raises(RuntimeError, match="not started"):
        meter.stop()
    meter.start()
    time.sleep(1)
    counts["socket"] = 6.0
    with pytest.raises(RuntimeError, match="backwards"):
        meter.stop()
