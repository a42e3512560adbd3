"""cocotb tests of an AXI4-Lite wrapper around `Repeat`; they run inside the simulator.

The wrapped function gives `count` words of `value` when it is started.
"""

import logging
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

CTRL, GIE, IER, ISR = 0x00, 0x04, 0x08, 0x0C
COUNT, VALUE, FLAG = 0x10, 0x18, 0x24
START, DONE, IDLE, READY, AUTO_RESTART, INTERRUPT = (1 << bit for bit in (0, 1, 2, 3, 7, 9))
WIDTHS = {COUNT: 8, VALUE: 32, VALUE + 4: 8, FLAG: 1}
ADDRESSES = 0x40


async def connected(dut):
    """A master behind reset, and the words that come out of the design."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    bus = AxiLiteBus.from_prefix(dut, "s_axi_control")
    master = AxiLiteMaster(bus, dut.clk, dut.rst_n, reset_active_level=False)
    for channel in (master.write_if, master.read_if):
        channel.log.setLevel(logging.WARNING)
    dut.words_ready.value = 1
    dut.rst_n.value = 0
    await ClockCycles(dut.clk, 3)
    dut.rst_n.value = 1
    await ClockCycles(dut.clk, 2)
    words = []

    async def collect():
        while True:
            await FallingEdge(dut.clk)
            if dut.words_valid.value and dut.words_ready.value:
                words.append(int(dut.words_data.value))

    cocotb.start_soon(collect())
    return master, words


def hesitant(master, generator):
    """Every channel of the bus pauses at random."""

    def pauses(probability):
        while True:
            yield generator.random() < probability

    write, read = master.write_if, master.read_if
    for channel in (
        write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel,
    ):  # fmt: skip
        channel.set_pause_generator(pauses(generator.choice((0.1, 0.5, 0.8))))


@cocotb.test(timeout_time=300, timeout_unit="us")
async def arguments_keep_what_is_written_byte_by_byte(dut):
    master, _ = await connected(dut)
    generator = random.Random(1)
    memory = bytearray(ADDRESSES)
    for round_ in range(150):
        if round_ % 30 == 10:
            hesitant(master, generator)
        # Anywhere behind the control registers, also where nothing is.
        address = generator.randrange(COUNT, ADDRESSES)
        data = generator.randbytes(generator.randint(1, min(9, ADDRESSES - address)))
        await master.write(address, data)
        memory[address : address + len(data)] = data
        start = generator.randrange(COUNT, ADDRESSES, 4)
        got = (await master.read(start, 4)).data
        mask = (1 << WIDTHS.get(start, 0)) - 1
        want = int.from_bytes(memory[start : start + 4], "little") & mask
        assert int.from_bytes(got, "little") == want, hex(start)


async def set_arguments(master, count, value):
    await master.write_dword(COUNT, count)
    await master.write(VALUE, value.to_bytes(5, "little"))


async def until(master, bits):
    for _ in range(100):
        seen = await master.read_dword(CTRL)
        if seen & bits == bits:
            return seen
    raise AssertionError(f"CTRL never showed {bits:#x}")


@cocotb.test(timeout_time=300, timeout_unit="us")
async def a_start_runs_once_and_done_is_cleared_by_reading(dut):
    master, words = await connected(dut)
    assert await master.read_dword(CTRL) == IDLE
    generator = random.Random(2)
    for round_ in range(4):
        value = generator.getrandbits(40)
        await set_arguments(master, 20, value)
        # A byte beside the lowest one starts nothing.
        await master.write(CTRL + 1, b"\x01")
        assert await master.read_dword(CTRL) == IDLE
        await master.write_dword(CTRL, START)
        seen = await until(master, DONE)
        assert seen == DONE | IDLE | READY, f"round {round_}"
        assert await master.read_dword(CTRL) == IDLE
        assert words == [value] * 20
        words.clear()
        hesitant(master, generator)


@cocotb.test(timeout_time=300, timeout_unit="us")
async def while_it_runs_it_is_neither_idle_nor_done(dut):
    master, words = await connected(dut)
    dut.words_ready.value = 0
    await set_arguments(master, 30, 5)
    await master.write_dword(CTRL, START)
    for _ in range(5):
        assert await master.read_dword(CTRL) == START
    dut.words_ready.value = 1
    assert await until(master, DONE) == DONE | IDLE | READY
    assert words == [5] * 30


@cocotb.test(timeout_time=300, timeout_unit="us")
async def auto_restart_goes_on_until_it_is_taken_back(dut):
    master, words = await connected(dut)
    await set_arguments(master, 4, 9)
    await master.write_dword(CTRL, START | AUTO_RESTART)
    await ClockCycles(dut.clk, 100)
    assert await master.read_dword(CTRL) & AUTO_RESTART
    await master.write_dword(CTRL, 0)
    await until(master, IDLE)
    assert len(words) > 20
    assert len(words) % 4 == 0
    assert set(words) == {9}
    stopped = len(words)
    await ClockCycles(dut.clk, 50)
    assert len(words) == stopped


@cocotb.test(timeout_time=300, timeout_unit="us")
async def interrupts_need_both_enables_and_are_cleared_by_reading(dut):
    master, _ = await connected(dut)
    await set_arguments(master, 3, 1)

    async def run():
        await master.write_dword(CTRL, START)
        await until(master, DONE)

    await run()
    assert not dut.irq.value
    assert await master.read_dword(ISR) == 0
    for enable in (1, 2, 3):
        await master.write_dword(IER, enable)
        await master.write_dword(GIE, 0)
        assert await master.read_dword(IER) == enable
        await run()
        assert not dut.irq.value
        await master.write_dword(GIE, 1)
        assert await master.read_dword(GIE) == 1
        await ClockCycles(dut.clk, 1)
        assert dut.irq.value
        assert await master.read_dword(CTRL) & INTERRUPT
        assert await master.read_dword(ISR) == enable
        assert not dut.irq.value
        assert await master.read_dword(ISR) == 0


@cocotb.test(timeout_time=300, timeout_unit="us")
async def reset_forgets_everything(dut):
    master, words = await connected(dut)
    dut.words_ready.value = 0
    await set_arguments(master, 200, 77)
    await master.write_dword(GIE, 1)
    await master.write_dword(IER, 3)
    await master.write_dword(CTRL, START | AUTO_RESTART)
    dut.rst_n.value = 0
    await ClockCycles(dut.clk, 2)
    dut.rst_n.value = 1
    dut.words_ready.value = 1
    await ClockCycles(dut.clk, 2)
    expected = {CTRL: IDLE}
    for address in range(0, ADDRESSES, 4):
        assert await master.read_dword(address) == expected.get(address, 0)
    assert words == []
