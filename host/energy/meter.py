"""What every energy meter offers, and the two kinds of them: counters and samplers."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from m3vit.errors import UserError

Clock = Callable[[], float]
"""Seconds that only grow."""


class NoMeterError(UserError):
    """There is no such meter here; the sentence says why, and what to do."""


@dataclass(frozen=True)
class Reading:
    """What one domain took between start and stop.

    Attributes:
        domain: what was metered, such as "CPU package" or "rail 12V".
        joules: energy. seconds: time.
        error: joules by which the meter's own resolution can be off, up or down.
    """

    domain: str
    joules: float
    seconds: float
    error: float

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.joules / self.seconds

    @property
    def watts_error(self) -> float:
        """Of the mean power."""
        return self.error / self.seconds


class Meter(Protocol):
    """A meter. Between `start` and `stop` it meters; it can be started again.

    Attributes:
        name: of the instrument.
    """

    name: str

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> tuple[Reading, ...]:
        """End; a reading for each domain, at least one."""
        ...


class CounterMeter:
    """Energy counters that only grow, read twice.

    Args:
        name: of the instrument.
        read: joules so far, by domain.
        update_seconds: between two updates of a counter. Start and end may each be off by that
            long, at the mean power of the reading.
        clock: seconds.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], Mapping[str, float]],
        update_seconds: float,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.name, self._read, self._update, self._clock = name, read, update_seconds, clock
        self._begin: tuple[float, Mapping[str, float]] | None = None

    def start(self) -> None:
        """Begin."""
        counts = self._read()
        self._begin = self._clock(), counts

    def stop(self) -> tuple[Reading, ...]:
        """End."""
        if self._begin is None:
            raise RuntimeError(f"{self.name} is stopped and was not started")
        (begin, before), self._begin = self._begin, None
        seconds, after = self._clock() - begin, self._read()
        readings = []
        for domain, joules in after.items():
            spent = joules - before[domain]
            if spent < 0:
                raise RuntimeError(f"{self.name}: the counter of '{domain}' went backwards")
            readings.append(Reading(domain, spent, seconds, 2 * self._update * spent / seconds))
        return tuple(readings)
