"""cocotb test of the sample kernel `threshold` behind its registers; runs inside the simulator."""

import logging
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

CTRL, COUNT, LOW, HIGH = 0x00, 0x10, 0x18, 0x20
START, DONE, IDLE, READY, AUTO_RESTART = 1, 2, 4, 8, 128


class Streams:
    """Offers values and takes squares, both at random times."""

    def __init__(self, dut, generator):
        self.dut = dut
        self.random = generator
        self.given, self.taken = [], []

    async def run(self):
        offered = False
        while True:
            if not offered and self.random.random() < 0.7:
                self.value = self.random.randint(-(2**15), 2**15 - 1)
                offered = True
            self.dut.values_valid.value = offered
            self.dut.values_data.value = self.value % 2**16 if offered else 0
            self.dut.squares_ready.value = self.random.random() < 0.5
            await Timer(1, "ns")
            if offered and self.dut.values_ready.value:
                self.given.append(self.value)
                offered = False
            if self.dut.squares_valid.value and self.dut.squares_ready.value:
                self.taken.append(int(self.dut.squares_data.value))
            await FallingEdge(self.dut.clk)


async def done(master):
    while True:
        seen = await master.read_dword(CTRL)
        if seen & DONE:
            return seen


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def calls_through_registers_give_what_the_source_says(dut):
    generator = random.Random(3)
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    bus = AxiLiteBus.from_prefix(dut, "s_axi_control")
    master = AxiLiteMaster(bus, dut.clk, dut.rst_n, reset_active_level=False)
    for channel in (master.write_if, master.read_if):
        channel.log.setLevel(logging.WARNING)
    streams = Streams(dut, generator)
    dut.values_valid.value = 0
    dut.squares_ready.value = 0
    dut.rst_n.value = 0
    await ClockCycles(dut.clk, 5)
    await FallingEdge(dut.clk)
    dut.rst_n.value = 1
    cocotb.start_soon(streams.run())
    for count, low, high in ((40, 0, 2**30), (0, 0, 5), (25, 2**20, 2**29), (1, -7, 2**31 - 1)):
        streams.given.clear()
        streams.taken.clear()
        await master.write_dword(COUNT, count)
        await master.write_dword(LOW, low % 2**32)
        await master.write_dword(HIGH, high)
        await master.write_dword(CTRL, START)
        assert await done(master) == DONE | READY | IDLE
        assert len(streams.given) == count
        squares = [value * value for value in streams.given]
        assert streams.taken == [square for square in squares if low <= square < high]
    streams.given.clear()
    await master.write_dword(COUNT, 3)
    await master.write_dword(CTRL, START | AUTO_RESTART)
    for _ in range(4):
        await done(master)
    await master.write_dword(CTRL, 0)
    while await master.read_dword(CTRL) & IDLE == 0:
        pass
    assert len(streams.given) >= 12
    assert len(streams.given) % 3 == 0
