"""cocotb tests of the generated registers; they run inside the simulator."""

import logging
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from m3vit.hls.register_module import signal
from m3vit.hls.registers import ADDRESS_BITS, BUS, REGISTERS, START

WRITABLE = [register for register in REGISTERS.values() if register.access == "write"]
OTHERS = [register for register in REGISTERS.values() if register.access != "write"]


async def connected(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    master = AxiLiteMaster(
        AxiLiteBus.from_prefix(dut, BUS), dut.clk, dut.rst_n, reset_active_level=False
    )
    for channel in (master.write_if, master.read_if):
        channel.log.setLevel(logging.WARNING)
    dut.locked.value = 0
    for register in OTHERS:
        getattr(dut, signal(register)).value = 0
    dut.rst_n.value = 0
    await ClockCycles(dut.clk, 3)
    dut.rst_n.value = 1
    await ClockCycles(dut.clk, 2)
    return master


async def read(master, register):
    return sum([await master.read_dword(address) << low for address, low, _ in register.words()])


async def write(master, register, value):
    for address, low, _ in register.words():
        await master.write_dword(address, value >> low & 0xFFFFFFFF)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def what_is_written_is_kept_and_given_out(dut):
    master, generator = await connected(dut), random.Random(1)
    held = {register: register.reset for register in WRITABLE}
    for round_ in range(60):
        for register, value in held.items():
            if round_ < 3:
                assert await read(master, register) == value
            assert int(getattr(dut, signal(register)).value) == value
        register = generator.choice(WRITABLE)
        value = generator.getrandbits(64)
        dut.locked.value = locked = generator.random() < 0.3
        await write(master, register, value)
        if not locked:
            held[register] = value % (1 << register.bits)
        assert await read(master, register) == held[register]


@cocotb.test(timeout_time=100, timeout_unit="us")
async def what_the_hardware_says_can_be_read(dut):
    master, generator = await connected(dut), random.Random(2)
    for register in OTHERS:
        value = generator.getrandbits(register.bits)
        getattr(dut, signal(register)).value = value
        await write(master, register, 0) if register.name != "CTRL" else None
        assert await read(master, register) == value
    taken = {address for register in REGISTERS.values() for address, _, _ in register.words()}
    for address in range(0, 1 << ADDRESS_BITS, 4):
        if address not in taken:
            assert await master.read_dword(address) == 0


@cocotb.test(timeout_time=100, timeout_unit="us")
async def bytes_can_be_written_alone(dut):
    master = await connected(dut)
    register = REGISTERS["STALL_LIMIT"]
    await master.write_dword(register.offset, 0x12345678)
    await master.write(register.offset + 1, b"\xab")
    assert await read(master, register) == 0x1234AB78


@cocotb.test(timeout_time=100, timeout_unit="us")
async def start_is_one_cycle_and_only_when_unlocked(dut):
    master = await connected(dut)
    starts = 0

    async def count():
        nonlocal starts
        while True:
            await FallingEdge(dut.clk)
            starts += bool(dut.start.value)

    cocotb.start_soon(count())
    address = REGISTERS["CTRL"].offset
    for value, locked, expected in (
        (0, 0, 0),
        (START, 0, 1),
        (0xFE, 0, 1),
        (START, 1, 1),
        (1, 0, 2),
    ):
        dut.locked.value = locked
        await master.write_dword(address, value)
        await ClockCycles(dut.clk, 5)
        assert starts == expected
    await master.write(address + 1, b"\x01")
    await ClockCycles(dut.clk, 5)
    assert starts == 2
