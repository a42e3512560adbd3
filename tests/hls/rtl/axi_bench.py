"""What the cocotb tests of the AXI engines share: their streams, hesitation, and reset.

Everything is driven at falling edges; valid and ready of the engines come from registers, so what
they are then is what the next rising edge sees.
"""

import logging

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge

BASE = 0x10_0000_0000 + 64 * 5  # no multiple of 256 bytes
LINES = 1000  # of the arena


def hesitant(channels, generator):
    """Channels of an AXI slave pause at random."""

    def pauses(probability):
        while True:
            yield generator.random() < probability

    for channel in channels:
        channel.set_pause_generator(pauses(generator.choice((0.0, 0.2, 0.7))))


def quiet(interface):
    interface.log.setLevel(logging.WARNING)
    return interface


class Engine:
    """An AXI engine whose streams hesitate."""

    def __init__(self, dut, generator):
        self.dut, self.random = dut, generator
        self.errors = 0

    async def start(self):
        self.dut.request_valid.value = 0
        self.dut.arena_address.value = BASE
        self.dut.arena_lines.value = LINES
        cocotb.start_soon(Clock(self.dut.clk, 10, "ns").start())
        await self.reset()
        cocotb.start_soon(self._count_errors())

    async def reset(self):
        self.dut.rst_n.value = 0
        self.dut.drain.value = 0
        await ClockCycles(self.dut.clk, 3)
        await FallingEdge(self.dut.clk)
        self.dut.rst_n.value = 1
        await ClockCycles(self.dut.clk, 2)
        await FallingEdge(self.dut.clk)
        self.errors = 0

    async def cycles(self, count):
        await ClockCycles(self.dut.clk, count)
        await FallingEdge(self.dut.clk)

    async def _count_errors(self):
        while True:
            await FallingEdge(self.dut.clk)
            self.errors += bool(self.dut.rst_n.value) and bool(self.dut.error.value)

    async def give(self, stream, words, hesitation=0.3):
        """Offer words, dictionaries of signals, until all are taken."""
        valid, ready = (getattr(self.dut, f"{stream}_{part}") for part in ("valid", "ready"))
        for word in words:
            while self.random.random() < hesitation:
                await FallingEdge(self.dut.clk)
            valid.value = 1
            for name, value in word.items():
                getattr(self.dut, name).value = value
            taken = False
            while not taken:
                taken = bool(ready.value)
                await FallingEdge(self.dut.clk)
            valid.value = 0

    async def request(self, requests):
        words = [{"request_line": line, "request_beats": beats} for line, beats in requests]
        await self.give("request", words)

    async def take(self, stream, count, hesitation=0.3, data=True):
        """Take words; their data."""
        valid, ready = (getattr(self.dut, f"{stream}_{part}") for part in ("valid", "ready"))
        words = []
        while len(words) < count:
            willing = self.random.random() >= hesitation
            ready.value = willing
            if willing and valid.value:
                words.append(int(getattr(self.dut, f"{stream}_data").value) if data else 1)
            await FallingEdge(self.dut.clk)
        ready.value = 0
        return words

    async def until(self, signal, cycles=2000):
        for _ in range(cycles):
            if signal.value:
                return
            await FallingEdge(self.dut.clk)
        raise AssertionError(f"{signal._name} does not rise")
