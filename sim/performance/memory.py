"""Weights, rows and results on their way between DDR memory and the engine."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from m3vit.hls.design import DesignConfig

from .timing import BEAT_BYTES, Ddr, Delays

LINE_BYTES = 64
PARAMETER_BYTES = 8

PORT_BYTES = 12 * 256
"""That a port of weights may have under way: 8 bursts, and 4 that wait for it."""

REQUESTS = 5
"""Chunks that wait for the ports."""


@dataclass(frozen=True)
class Chunk:
    """Weights that the array meets at a time: words of parameters and tiles."""

    parameters: int
    tiles: int
    bytes: int

    @classmethod
    def of(cls, design: DesignConfig, groups: int, beats: int, *, parameters: bool) -> "Chunk":
        """Those of `groups` outputs words, of `beats` tiles each."""
        words, tiles = groups if parameters else 0, groups * beats
        size = words * design.lanes * PARAMETER_BYTES
        size += tiles * design.array_outputs * design.array_inputs
        return cls(words, tiles, -(-size // LINE_BYTES) * LINE_BYTES)


@dataclass
class Arrival:
    """When a chunk comes. `first`: its first tile is in the ring; `last`: its last one."""

    first: float
    last: float
    requested: float


class Window(NamedTuple):
    """A transfer by another port than those for weights.

    `rate`: in bytes per cycle. `first`: weights yield to it.
    """

    begin: float
    end: float
    rate: float
    first: bool


@dataclass
class Bus:
    """What is left of the memory's bandwidth for weights.

    Attributes:
        yielding: bytes per cycle of weights, at most, while these yield.
        busy: transfers that may not be over.
    """

    yielding: float
    busy: list[Window] = field(default_factory=list)

    def transfer(self, begin: float, size: float, fastest: float, shared: float) -> float:
        """The end of `size` bytes that move at `fastest`, or `shared` less what others take."""
        self.busy = [window for window in self.busy if window.end > begin]
        while True:
            now = [window for window in self.busy if window.begin <= begin < window.end]
            most = self.yielding if any(window.first for window in now) else fastest
            rate = min(most, fastest, shared - sum(window.rate for window in now))
            borders = [time for window in self.busy for time in window[:2] if time > begin]
            change = min(borders, default=float("inf"))
            if rate * (change - begin) >= size:
                return begin + size / rate
            size -= rate * (change - begin)
            begin = change


class WeightLoader:
    """The engine's Loader: requests chunks in program order as the rings have room.

    `take` must be called in the order of the array's use, and `release` for every chunk, in the
    same order, before a chunk is taken that needs its room.
    """

    def __init__(self, design: DesignConfig, ddr: Ddr, delays: Delays, bus: Bus) -> None:
        self.delays, self.ddr, self.bus = delays, ddr, bus
        self.rate = min(ddr.port_rate(design.read_ports), ddr.bytes_per_cycle)
        self.loss = self.delays.alignment if design.read_ports > 1 else 0
        self.free = [design.weight_tiles, design.parameter_words]
        self.held: deque[tuple[float, Chunk]] = deque()
        self.held_open = 0
        self.now = 0.0
        self.arrived = 0.0
        self.bytes = 0
        # Requests run ahead of what arrives: what the ports have under way, and some that wait.
        self.in_flight = design.read_ports * PORT_BYTES
        self.split: deque[float] = deque(maxlen=REQUESTS)
        self.history: deque[tuple[int, float, int]] = deque()

    def _arrival(self, size: int) -> float:
        """About when so many bytes of all have arrived."""
        while self.history and self.history[0][0] < size:
            self.history.popleft()
        if size <= 0 or not self.history:
            return 0.0
        end, begin, own = self.history[0]
        return begin + max(0, own - (end - size)) / self.rate

    def room(self, tiles: int, parameters: int) -> float | None:
        """When so many places are free; None if that depends on what has not been released."""
        time = self.now
        free = list(self.free)
        for when, chunk in self.held:
            if free[0] >= tiles and free[1] >= parameters:
                break
            free[0] += chunk.tiles
            free[1] += chunk.parameters
            time = max(time, when)
        return time if free[0] >= tiles and free[1] >= parameters else None

    def take(self, chunk: Chunk, issued: float) -> Arrival:
        """Request a chunk."""
        room = self.room(chunk.tiles, chunk.parameters)
        if room is None:
            raise ValueError("a chunk waits for room that nothing gives back")
        while self.free[0] < chunk.tiles or self.free[1] < chunk.parameters:
            _, gone = self.held.popleft()
            self.free[0] += gone.tiles
            self.free[1] += gone.parameters
        self.free[0] -= chunk.tiles
        self.free[1] -= chunk.parameters
        self.now = max(
            self.now + self.delays.chunk,
            room,
            issued + self.delays.request,
            self.split[0] if len(self.split) == REQUESTS else 0.0,
        )
        self.split.append(max(self.now, self._arrival(self.bytes - self.in_flight)))
        begin = max(self.now + self.ddr.latency + self.delays.read, self.arrived)
        size = chunk.bytes
        self.bytes += size
        self.history.append((self.bytes, begin, size))
        share = size * (
            chunk.parameters > 0 and chunk.parameters / (chunk.parameters + chunk.tiles)
        )
        last = self.bus.transfer(begin, size, self.rate, self.ddr.bytes_per_cycle)
        last += self.loss
        first = begin + (last - begin) * min(1.0, (share + size / max(chunk.tiles, 1)) / size)
        self.arrived = last
        return Arrival(first, last, self.now)

    def release(self, chunk: Chunk, time: float) -> None:
        """The array has used a chunk for the last time."""
        self.held.append((time + self.delays.credit, chunk))


class DataLoader:
    """Everything else that is read, in program order: pixels, rows, parameters of LayerNorm."""

    def __init__(self, design: DesignConfig, ddr: Ddr, delays: Delays, bus: Bus) -> None:
        self.delays, self.ddr, self.bus = delays, ddr, bus
        # While weights come this port gets its share; between their bursts, which leave all ports
        # at about the same time, what these leave.
        share = min(float(BEAT_BYTES), ddr.bytes_per_cycle / (design.read_ports + 1))
        left = min(float(BEAT_BYTES), max(share, ddr.bytes_per_cycle - bus.yielding))
        self.contended = (share + left) / 2
        self.alone = min(ddr.port_rate(1), ddr.bytes_per_cycle)
        self.contended_until = 0.0
        self.end = 0.0
        self.bytes = 0

    def take(self, beats: int, issued: float, *, per_beat: float = 1.0) -> tuple[float, float]:
        """First and last word of a transfer.

        Args:
            beats: of 16 bytes.
            issued: when the instruction left Dispatch.
            per_beat: cycles that the engine needs for a beat.
        """
        begin = max(issued + self.delays.data + self.ddr.latency, self.end)
        slow, fast = (max(BEAT_BYTES / rate, per_beat) for rate in (self.contended, self.alone))
        slow_beats = min(float(beats), max(0.0, self.contended_until - begin) / slow)
        last = begin + slow_beats * slow + (beats - slow_beats) * fast
        size = -(-beats // 4) * LINE_BYTES
        self.bytes += size
        self.bus.busy.append(Window(begin, last, size / (last - begin), True))
        self.end = last
        return begin, last


class StoreUnit:
    """What is written, in program order."""

    def __init__(self, ddr: Ddr, delays: Delays) -> None:
        self.ddr, self.delays = ddr, delays
        self.end = 0.0
        self.acknowledged = 0.0
        self.bytes = 0

    def take(self, beats: int, first: float, last: float) -> float:
        """Beats whose words come from `first` to `last`; returns when the last one has left."""
        rate = min(float(BEAT_BYTES), self.ddr.bytes_per_cycle)
        self.end = max(max(first, self.end) + beats * BEAT_BYTES / rate, last)
        self.acknowledged = self.end + self.ddr.write_latency + self.delays.acknowledge
        self.bytes += beats * BEAT_BYTES
        return self.acknowledged
