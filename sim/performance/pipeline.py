"""The array's path, block by block: panel, array, softmax, results."""

from dataclasses import dataclass, field

from m3vit.hls.design import DesignConfig

from .memory import Arrival
from .timing import Delays

ARRAY = "array"
DDR = "DDR"
PANEL = "panel"
RESULTS = "results"
SOFTMAX = "softmax"
SEQUENCER = "sequencer"

PANEL_BLOCKS = 4
"""That the panel holds, those that are sent or filled included."""


@dataclass
class Usage:
    """Cycles of an instruction, or of several.

    Attributes:
        beats: that the array multiplied in.
        waits: cause -> cycles in which the array stood.
    """

    beats: float = 0.0
    waits: dict[str, float] = field(default_factory=dict)

    @property
    def cycles(self) -> float:
        """All of them."""
        return self.beats + sum(self.waits.values())

    def wait(self, cause: str, cycles: float) -> None:
        """The array stood for so many."""
        if cycles > 0:
            self.waits[cause] = self.waits.get(cause, 0.0) + cycles

    def add(self, other: "Usage") -> None:
        """Together with another one."""
        self.beats += other.beats
        for cause, cycles in other.waits.items():
            self.wait(cause, cycles)


@dataclass
class Pipeline:
    """State of the units on the array's path after the last block.

    Attributes:
        issued: when the sequencer gave the last block out.
        fetched: its commands were taken by the token memory, latest last.
        filled: the panel holds the last block. sent: ends of the last blocks in the array.
        array: its end. results: the last word behind the serialiser has gone.
        maxima, weights: the softmax has passed the last block of logits.
    """

    design: DesignConfig
    delays: Delays
    issued: float = 0.0
    filled: float = 0.0
    sent: tuple[float, ...] = (0.0,) * PANEL_BLOCKS
    array: float = 0.0
    results: float = 0.0
    maxima: float = 0.0
    weights: float = 0.0
    logit_words: float = 0.0

    def fill(self, words: int, ready: float) -> None:
        """Words of a block come into the panel, from `ready` on."""
        begin = max(self.filled, self.sent[0] - self.delays.tiles, ready)
        self.filled = begin + words

    def multiply(
        self,
        usage: Usage,
        groups: int,
        beats: int,
        *,
        cause: str,
        ready: float,
        weights: Arrival | None = None,
        operands: float = 0.0,
    ) -> float:
        """The array takes the block in the panel.

        Args:
            usage: of the instruction.
            groups: sums of a row. beats: of a sum.
            cause: that a block was not in the panel in time, if `ready` is why.
            ready: when its rows could be read.
            weights: that come only now.
            operands: when keys and values can be read.

        Returns:
            When it began.
        """
        free = self.array
        filled = self.filled + self.delays.tiles
        first = 0.0 if weights is None else weights.first + self.delays.weights
        start = max(free, filled, first, operands)
        if start > free:
            if start == first:
                usage.wait(DDR, start - free)
            elif start == operands:
                usage.wait(RESULTS, start - free)
            else:
                late = min(start - free, max(0.0, ready + self.delays.tiles - free))
                usage.wait(cause, late)
                usage.wait(PANEL, start - free - late)
        busy = groups * beats
        end = start + busy
        if weights is not None and weights.last + self.delays.weights > end:
            usage.wait(DDR, weights.last + self.delays.weights - end)
            end = weights.last + self.delays.weights
        usage.beats += busy
        self.array = end
        self.sent = (*self.sent[1:], end)
        return start

    def deliver(
        self,
        usage: Usage,
        start: float,
        rows: int,
        groups: int,
        beats: int,
        *,
        cycles: float | None = None,
        ready: float = 0.0,
        cause: str = RESULTS,
        slack: int = 0,
    ) -> tuple[float, float]:
        """Results of a block leave behind the array.

        Args:
            usage: of the instruction.
            start: of the block in the array.
            rows, groups, beats: of the block.
            cycles: that the slowest unit takes for it; by default a cycle per word.
            ready: when they may go.
            cause: of waiting for it.
            slack: cycles between this block and the last one.

        Returns:
            First and last word, behind the serialiser.
        """
        delay = self.delays.sums
        cycles = rows * groups if cycles is None else cycles
        first = max(self.results + slack, start + beats + delay, ready)
        last = max(first + cycles, self.array + delay + rows)
        self.results = last
        held = last - delay - RESULT_TILES * rows
        if held > self.array:
            usage.wait(cause, held - self.array)
            self.array = held
            self.sent = (*self.sent[:-1], held)
        return first, last

    def first_half(self, rows: int) -> int:
        """Rows of a block that go through the first softmax, which has at least as many."""
        return min(rows, self.design.array_tokens // 2)

    def soften(self, usage: Usage, start: float, rows: int, groups: int, beats: int) -> float:
        """Logits of a block become weights; returns when the last one is there."""
        delays, rows = self.delays, self.first_half(rows)
        words = rows * groups
        first = max(self.maxima + 1, start + beats + delays.logit)
        self.maxima = max(first + words, self.array + delays.logit + rows)
        self.weights = max(self.weights + 1, self.maxima - rows + delays.softmax) + words
        held = self.maxima - delays.logit - LOGIT_TILES * rows
        if held > self.array:
            usage.wait(SOFTMAX, held - self.array)
            self.array = held
            self.sent = (*self.sent[:-1], held)
        return self.weights


RESULT_TILES = 27
"""Tiles of sums that wait between array and serialiser."""

LOGIT_TILES = 52
"""The same on the way to the softmax."""
