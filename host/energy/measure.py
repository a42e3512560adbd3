"""How a run is measured: warm up, rest, then inference back to back; with a meter or without."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from .meter import Clock, Meter, Reading

MINIMUM_SECONDS = 10.0
"""Of back-to-back inference."""

WARM_UP_CALLS = 2
MINIMUM_CALLS = 3
"""Of the load, so that a median is one, however slow a call."""


@dataclass(frozen=True)
class DomainEnergy:
    """What one domain took per image.

    Attributes:
        domain: of the meter. watts: mean power under load. idle_watts: at rest, before.
        joules: per image, all of it. above_idle: per image, what the rest does not take.
        joules_error, above_idle_error: by the meter's resolution, up or down.
    """

    domain: str
    watts: float
    idle_watts: float
    joules: float
    joules_error: float
    above_idle: float
    above_idle_error: float


@dataclass(frozen=True)
class Measurement:
    """A run.

    Attributes:
        images: computed back to back. seconds: that they took.
        latency: median seconds of a call, of one batch.
        meter: name, if there was one. domains: what it said.
    """

    images: int
    seconds: float
    latency: float
    meter: str | None
    domains: tuple[DomainEnergy, ...]

    @property
    def images_per_second(self) -> float:
        """Throughput."""
        return self.images / self.seconds


def measure(
    run: Callable[[], object],
    images_per_call: int,
    meter: Meter | None,
    *,
    seconds: float = MINIMUM_SECONDS,
    idle_seconds: float = MINIMUM_SECONDS,
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> Measurement:
    """Run back to back for at least so long, and meter that and a rest before it.

    Args:
        run: computes `images_per_call` images and returns when they are done.
        images_per_call: the batch.
        meter: None measures the time alone.
        seconds: of inference; less than `MINIMUM_SECONDS` is for a first look only.
        idle_seconds: of rest.
        clock, sleep: of the time.
    """
    for _ in range(WARM_UP_CALLS):
        run()
    idle: tuple[Reading, ...] = ()
    if meter is not None:
        meter.start()
        sleep(idle_seconds)
        idle = meter.stop()
        meter.start()
    begin = clock()
    times: list[float] = []
    end = begin
    while end - begin < seconds or len(times) < MINIMUM_CALLS:
        run()
        before, end = end, clock()
        times.append(end - before)
    loaded = meter.stop() if meter is not None else ()
    images = len(times) * images_per_call
    return Measurement(
        images=images,
        seconds=end - begin,
        latency=statistics.median(times),
        meter=None if meter is None else meter.name,
        domains=tuple(_domain(rest, work, images) for rest, work in zip(idle, loaded, strict=True)),
    )


def _domain(rest: Reading, work: Reading, images: int) -> DomainEnergy:
    above = (work.watts - rest.watts) * work.seconds
    above_error = (work.watts_error + rest.watts_error) * work.seconds
    return DomainEnergy(
        domain=work.domain,
        watts=work.watts,
        idle_watts=rest.watts,
        joules=work.joules / images,
        joules_error=work.error / images,
        above_idle=above / images,
        above_idle_error=above_error / images,
    )
