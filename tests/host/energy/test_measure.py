import pytest

from m3vit.host.energy.measure import measure
from m3vit.host.energy.meter import Reading


class FixedPower:
    """Draws 20 W under load and 5 W at rest, whatever the time."""

    name = "fake"

    def __init__(self, time):
        self.time, self.watts, self.readings = time, iter((5.0, 20.0)), 0

    def start(self):
        self.begin = self.time.now

    def stop(self):
        seconds = self.time.now - self.begin
        self.readings += 1
        return (Reading("board", next(self.watts) * seconds, seconds, 0.5 * seconds),)


def test_energy_is_per_image_with_and_without_the_idle_power(time):
    calls = []

    def run():
        calls.append(time.now)
        time.sleep(0.25)

    found = measure(run, 4, FixedPower(time), seconds=10, clock=time.clock, sleep=time.sleep)
    assert len(calls) == 2 + 40  # two to warm up
    assert (found.images, found.seconds, found.latency) == (160, 10.0, 0.25)
    assert found.images_per_second == 16
    (board,) = found.domains
    assert (board.watts, board.idle_watts) == (20, 5)
    assert board.joules == pytest.approx(20 * 10 / 160)
    assert board.above_idle == pytest.approx(15 * 10 / 160)
    assert board.joules_error == pytest.approx(0.5 * 10 / 160)
    assert board.above_idle_error == pytest.approx(2 * 0.5 * 10 / 160)


def test_inference_lasts_at_least_as_long_as_asked(time):
    found = measure(lambda: time.sleep(3), 1, None, seconds=10, clock=time.clock, sleep=time.sleep)
    assert (found.images, found.seconds) == (4, 12.0)


def test_without_a_meter_there_is_time_and_no_rest(time):
    begin = time.now
    found = measure(lambda: time.sleep(1), 1, None, seconds=3, clock=time.clock, sleep=time.sleep)
    assert time.now - begin == 5  # two calls to warm up, three that count
    assert found.meter is None
    assert found.domains == ()


def test_a_slow_run_is_called_often_enough_for_a_median(time):
    pauses = iter((0, 0, 9, 5, 7))
    found = measure(
        lambda: time.sleep(next(pauses)), 1, None, seconds=1, clock=time.clock, sleep=time.sleep
    )
    assert (found.images, found.latency) == (3, 7)
