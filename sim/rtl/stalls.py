"""How the bench's ends of the streams hesitate: patterns of stalls, repeatable from a seed."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Gate:
    """When one end of one stream takes part in handshakes; `sv/stall_gate.sv` does it.

    Attributes:
        mode, first, second: as that module defines them.
        after_valid: a sink is ready only while there is a beat, so that a design which waits for
            ready before it offers one is found out.
    """

    mode: int = 0
    first: int = 0
    second: int = 0
    after_valid: bool = False


OPEN = Gate()
"""Never hesitates."""


def at_random(probability: float, *, after_valid: bool = False) -> Gate:
    """Takes part in each cycle with this probability."""
    return Gate(1, round(probability * 65536), after_valid=after_valid)


def in_bursts(opened: int, closed: int) -> Gate:
    """Opens and closes in turns, for this many cycles on average; (1, 1) toggles."""
    return Gate(2, opened, closed)


def until_quiet(beats: int) -> Gate:
    """Closed until nothing has moved anywhere for long; then lets this many pass on average."""
    return Gate(3, beats)


@dataclass(frozen=True)
class Stalls:
    """One pattern.

    Attributes:
        name: for reports.
        inputs, outputs: the gate of every input and output stream, except
        streams: of these streams, by name.
        seed: different seeds hesitate differently.
    """

    name: str
    inputs: Gate = OPEN
    outputs: Gate = OPEN
    streams: Mapping[str, Gate] = field(default_factory=dict)
    seed: int = 1

    def gate(self, stream: str, *, is_input: bool) -> Gate:
        """The gate of one stream."""
        return self.streams.get(stream, self.inputs if is_input else self.outputs)

    def gate_seed(self, stream: str) -> int:
        """A seed of 31 bits, not 0, that differs from stream to stream."""
        return zlib.crc32(f"{self.seed} {stream}".encode()) % (2**31 - 1) + 1

    def seeded(self, seed: int) -> "Stalls":
        """The same pattern with other hesitations."""
        return replace(self, seed=seed)


NONE = Stalls("none")


def random_stalls(valid: float, ready: float) -> Stalls:
    """Inputs offer a beat, and outputs take one, with these probabilities."""
    return Stalls(f"random({valid}, {ready})", at_random(valid), at_random(ready))


RANDOM = tuple(
    random_stalls(valid, ready) for valid, ready in ((0.5, 0.5), (1.0, 0.3), (0.3, 1.0), (0.8, 0.8))
)

BACK_PRESSURE = Stalls("outputs closed until all is full", outputs=until_quiet(16))
TOGGLING = Stalls("outputs ready every other cycle", outputs=in_bursts(1, 1))
BURSTS = Stalls("bursts", in_bursts(12, 12), in_bursts(12, 12))
LONG_STALLS = Stalls("outputs closed for longer than any pipeline", outputs=in_bursts(50, 300))
RELUCTANT = Stalls("outputs ready only after valid", outputs=at_random(0.5, after_valid=True))


def adversarial(inputs: Iterable[str]) -> tuple[Stalls, ...]:
    """The patterns meant to break things; each input starves once, if there are several."""
    names = list(inputs)
    starved = (
        Stalls(f"input {name} starved", streams={name: until_quiet(8)})
        for name in (names if len(names) > 1 else [])
    )
    return (BACK_PRESSURE, TOGGLING, BURSTS, LONG_STALLS, RELUCTANT, *starved)


def every_pattern(inputs: Iterable[str]) -> tuple[Stalls, ...]:
    """Stalls off, on and adversarial."""
    return (NONE, *RANDOM, *adversarial(inputs))
