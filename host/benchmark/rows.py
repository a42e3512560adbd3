"""Rows of the benchmark: every number knows where it comes from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Origin = Literal["measured", "simulated", "estimated", "published"]

TIME = ("latency_ms", "images_per_second", "gops")
"""The columns that need a clock."""

ENERGY = ("watts", "joules", "images_per_joule", "gops_per_watt")
"""The columns that need a meter, an estimate or a paper; `joules` are of one image."""


@dataclass(frozen=True)
class Number:
    """A value with its origin.

    Attributes:
        value: in the unit that its column says.
        origin: measured here; simulated cycles at the design's clock; estimated; or published.
        low, high: range; of a measured value by the meter's resolution.
        source: a meter, a simulation or a paper.
    """

    value: float
    origin: Origin
    source: str
    low: float | None = None
    high: float | None = None

    def over(self, other: float) -> "Number":
        """Divided by a positive constant."""
        return self._map(lambda value: value / other)

    def inverse(self, numerator: float = 1.0) -> "Number":
        """`numerator` divided by it; what was low is high then."""
        return self._map(lambda value: numerator / value)

    def _map(self, function: Any) -> "Number":
        ends = [None if end is None else function(end) for end in (self.low, self.high)]
        if None not in ends:
            ends.sort()
        return Number(function(self.value), self.origin, self.source, *ends)


@dataclass(frozen=True)
class Row:
    """One system with one batch.

    Attributes:
        system: what computes, and in which numbers. hardware: on what.
        batch: images that are computed together.
        numbers: by column: latency_ms (of a batch), images_per_second, gops, and `ENERGY`.
        missing: column -> why there is no number.
        notes: what to know before comparing.
        domains: everything that the meter said.
    """

    system: str
    hardware: str
    batch: int
    numbers: Mapping[str, Number] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    domains: tuple[Any, ...] = ()

    def content(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def timed(latency_ms: Number, batch: int, giga_operations: float | None) -> dict[str, Number]:
    """Latency, throughput and GOPS. giga_operations: of one image, two per product."""
    numbers = {"latency_ms": latency_ms, "images_per_second": latency_ms.inverse(1e3 * batch)}
    if giga_operations is not None:
        numbers["gops"] = latency_ms.inverse(1e3 * batch * giga_operations)
    return numbers


def powered(watts: Number, joules: Number, giga_operations: float | None) -> dict[str, Number]:
    """Power, and energy of one image with what follows from it."""
    numbers = {"watts": watts, "joules": joules, "images_per_joule": joules.inverse()}
    if giga_operations is not None:
        numbers["gops_per_watt"] = joules.inverse(giga_operations)
    return numbers


def unmetered(reason: str) -> dict[str, str]:
    """The same reason for every column of `ENERGY`."""
    return dict.fromkeys(ENERGY, reason)
