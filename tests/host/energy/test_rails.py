import itertools
import sys
import time as real_time
from types import SimpleNamespace

import pytest

from m3vit.host.energy.meter import NoMeterError
from m3vit.host.energy.rails import RailMeter


class Sensor:
    """As PYNQ's sensors: a name, parents, and a value."""

    parents = ()

    def __init__(self, name, values):
        self.name, self.values = f"{name}_power", itertools.cycle(values)

    def get_value(self, parents=None):
        return next(self.values)


def rails(**values):
    return {
        name.removeprefix("rail_"): SimpleNamespace(power=Sensor(name, samples))
        for name, samples in values.items()
    }


def record(meter, time, seconds=20.0):
    meter.start()
    real_time.sleep(0.1)  # PYNQ's recorder samples in a real thread
    time.sleep(seconds)
    return meter.stop()


def test_rails_are_recorded_by_pynq_and_a_step_is_the_error(time):
    meter = RailMeter(rails(rail_12V=[14.0, 15.0], INT=[3.5]), interval=0.005, clock=time.clock)
    board, core = record(meter, time)
    assert (board.domain, core.domain) == ("rail 12V", "rail INT")
    assert board.seconds == core.seconds == 20
    assert board.watts == pytest.approx(14.5, abs=0.1)
    assert board.watts_error == 1.0  # the samples show no finer step
    assert core.watts == 3.5
    assert core.watts_error == 0.125  # all are equal: what is known of the sensor


def test_each_recording_forgets_the_one_before(time):
    source = rails(rail_12V=[10.0], INT=[2.0])
    meter = RailMeter(source, interval=0.005, clock=time.clock)
    assert record(meter, time)[0].watts == 10
    source["12V"].power.values = itertools.cycle([20.0])
    assert record(meter, time)[0].watts == 20


def test_without_rails_there_is_no_meter():
    with pytest.raises(NoMeterError, match="12V and INT: PYNQ finds no rails at all; run on a"):
        RailMeter({})
    with pytest.raises(NoMeterError, match="rail INT: PYNQ finds 12V"):
        RailMeter(rails(rail_12V=[1.0]))


@pytest.mark.parametrize("module", ["pandas", "pynq.pmbus"])
def test_without_the_packages_there_is_no_meter(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NoMeterError, match=r"m3vit\[board\]"):
        RailMeter(rails(rail_12V=[1.0], INT=[1.0]))
