"""When rows may be read and written: what the engine's memories keep track of, in cycles."""

from bisect import bisect_left
from dataclasses import dataclass, field


@dataclass
class Access:
    """A domain's last write and its reads.

    Attributes:
        rows, times: so many rows of the write under way are finished at that time; both rise.
        settled: the last write is complete.
        before: the writes in front of it are.
        read: the last read is complete.
        writer: who wrote: a cause of waiting.
    """

    rows: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    settled: float = 0.0
    before: float = 0.0
    read: float = 0.0
    writer: str = "start"

    def begin_write(self, writer: str) -> float:
        """A write follows; returns when it may begin."""
        self.before = self.settled
        self.rows, self.times = [], []
        self.writer = writer
        return max(self.read, self.settled)

    def finish_rows(self, count: int, time: float) -> None:
        """Another `count` rows of the write are finished."""
        self.rows.append((self.rows[-1] if self.rows else 0) + count)
        self.times.append(time)

    def end_write(self, time: float) -> None:
        """The write is complete."""
        self.settled = time

    def readable(self, need: int) -> float:
        """When `need` rows of the last write can be read."""
        place = bisect_left(self.rows, need)
        if place == len(self.rows):
            return self.settled
        return min(max(self.before, self.times[place]), self.settled)


@dataclass
class Port:
    """A memory's port that others use first, for a share of the cycles.

    Attributes:
        windows: (begin, end, share that is left) in order.
    """

    windows: list[tuple[float, float, float]] = field(default_factory=list)

    def advance(self, begin: float, words: float) -> float:
        """The end of `words` accesses from `begin` on, one a cycle."""
        while self.windows and self.windows[0][1] <= begin:
            self.windows.pop(0)
        for start, end, left in self.windows:
            if end <= begin:
                continue
            if start > begin:
                if start - begin >= words:
                    return begin + words
                words -= start - begin
                begin = start
            possible = (end - begin) * left
            if possible >= words:
                return begin + words / left
            words -= possible
            begin = end
        return begin + words
