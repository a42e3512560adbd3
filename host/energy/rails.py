"""The power rails of a board through `pynq.get_rails` and `pynq.DataRecorder`."""

import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .meter import Clock, NoMeterError, Reading

STEPS: Mapping[str, float] = {"12V": 0.05, "INT": 0.125}
"""Watts between two neighbouring readings of the ZCU104's rails, at least.

INT: PYNQ's notebook on the board's sensors warns of an eighth of a watt. 12V: that notebook shows
14.05 W, which rules out coarser steps than this.
"""

INTERVAL = 0.1
"""Seconds between samples; the recorder takes longer the more of them it has."""


class RailMeter:
    """Power rails, sampled by PYNQ's recorder in the background.

    The energy is the mean of the samples times the time. Rails are quantised and there is no
    noise to average that away, so each mean may be off by one step: the larger one of `STEPS` and
    of the smallest step among the samples.

    Args:
        rails: name -> rail, as from `pynq.get_rails()`; default: the board's.
        names: of those to meter, in the order of the readings.
        interval: seconds between samples.
        clock: seconds.

    Raises:
        NoMeterError: no PYNQ or pandas, or the rails are not here.
    """

    name = "power rails"

    def __init__(
        self,
        rails: Mapping[str, Any] | None = None,
        names: tuple[str, ...] = tuple(STEPS),
        interval: float = INTERVAL,
        clock: Clock = time.perf_counter,
    ) -> None:
        try:
            import pandas  # noqa: F401  (the recorder fails later, inside its constructor)
            from pynq.pmbus import DataRecorder, get_rails
        except ImportError as error:
            raise NoMeterError(
                f"the rails are read through PYNQ and pandas, and {error.name} is not here: "
                "install it with `pip install m3vit[board]`"
            ) from error
        if rails is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there is no libsensors; said below
                rails = get_rails()
        missing = [name for name in names if getattr(rails.get(name), "power", None) is None]
        if missing:
            raise NoMeterError(
                f"no power sensor of the rail {' and '.join(missing)}: PYNQ finds "
                f"{', '.join(rails) or 'no rails at all'}; run on a ZCU104 under PYNQ"
            )
        self._names, self._interval, self._clock = names, interval, clock
        self._sensors = [rails[name].power for name in names]
        self._recorder: Any = DataRecorder(*self._sensors)
        self._begin = 0.0

    def start(self) -> None:
        """Begin."""
        self._recorder.reset()
        self._begin = self._clock()
        self._recorder.record(self._interval)

    def stop(self) -> tuple[Reading, ...]:
        """End."""
        seconds = self._clock() - self._begin
        self._recorder.stop()
        frame = self._recorder.frame
        readings = []
        for name, sensor in zip(self._names, self._sensors, strict=True):
            watts = frame[sensor.name].to_numpy(np.float64)
            error = max(STEPS.get(name, 0.0), _smallest_step(watts))
            readings.append(
                Reading(f"rail {name}", float(watts.mean()) * seconds, seconds, error * seconds)
            )
        return tuple(readings)


def _smallest_step(watts: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Between two different samples; 0 if all are equal."""
    steps = np.diff(np.unique(watts))
    return float(steps.min()) if steps.size else 0.0
