"""cocotb tests of axi_reader; they run inside the simulator. PORTS comes as a variable."""

import os
import random

import cocotb
from axi_bench import BASE, LINES, Engine, hesitant, quiet
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiRamRead, AxiReadBus

PORTS = int(os.environ["PORTS"])
BURSTS = int(os.environ["BURSTS"])
SIZE = 1 << 17


class Memory(AxiRamRead):
    """Remembers bursts; fails at one address."""

    failing = None

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.bursts = []

    async def _read(self, address, length):
        if self.failing is not None and 0 <= self.failing - address % SIZE < length:
            raise ValueError("this address fails")
        return await super()._read(address, length)


async def started(dut, seed, pauses=True):
    generator = random.Random(seed)
    content = generator.randbytes(SIZE)
    ports = []
    for number in range(4):
        bus = AxiReadBus.from_prefix(dut, f"axi{number}")
        port = quiet(Memory(bus, dut.clk, dut.rst_n, reset_active_level=False, size=SIZE))
        port.write(0, content)
        if pauses:
            hesitant([port.ar_channel, port.r_channel], generator)
        ports.append(port)
    dut.line_ready.value = 0
    dut.yields.value = 0
    engine = Engine(dut, generator)
    await engine.start()
    bursts = []

    async def watch():
        while True:
            await FallingEdge(dut.clk)
            for number in range(PORTS):
                valid, ready, address, length = (
                    getattr(dut, f"axi{number}_{name}")
                    for name in ("arvalid", "arready", "araddr", "arlen")
                )
                if valid.value and ready.value:
                    bursts.append((number, int(address.value), int(length.value) + 1))

    cocotb.start_soon(watch())
    return engine, content, ports, bursts


def expected(content, requests):
    """Lines that the requests (line, beats) give."""
    lines = []
    for line, beats in requests:
        first = (BASE + 64 * line) % SIZE
        for place in range(first, first + 16 * beats, 16 * PORTS):
            lines.append(int.from_bytes(content[place : place + 16 * PORTS], "little"))
    return lines


def request(line, beats):
    return {"request_line": line, "request_beats": beats}


def random_requests(generator, count):
    requests = []
    for _ in range(count):
        beats = PORTS * generator.choice((1, 2, 3, 16, 17, generator.randrange(1, 80 // PORTS)))
        requests.append((generator.randrange(LINES - -(-beats // 4)), beats))
    return [*requests, (LINES - 2, 8), (0, 4)]


@cocotb.test(timeout_time=150, timeout_unit="us")
@cocotb.parametrize(seed=range(3))
async def lines_come_in_the_order_of_addresses(dut, seed):
    engine, content, _, bursts = await started(dut, seed)
    requests = random_requests(engine.random, 25)
    giving = cocotb.start_soon(engine.request(requests))
    lines = expected(content, requests)
    assert await engine.take("line", len(lines), seed * 0.3) == lines
    await giving
    await engine.until(dut.empty)
    assert dut.idle.value and not dut.outside.value and engine.errors == 0
    assert not dut.line_valid.value
    borders = {address // 256 for _, address, _ in bursts}
    for _, address, beats in bursts:
        assert address // 256 == (address + 16 * beats - 1) // 256
    assert len(borders) > 10


@cocotb.test(timeout_time=150, timeout_unit="us")
async def a_beat_per_port_and_cycle(dut):
    engine, content, _, _ = await started(dut, 1, pauses=False)
    beats = 1600
    cocotb.start_soon(engine.give("request", [request(3, beats)], 0))
    cycles = 0
    dut.line_ready.value = 1
    lines = []
    while len(lines) < beats // PORTS:
        await FallingEdge(dut.clk)
        cycles += 1
        if dut.line_valid.value:
            lines.append(int(dut.line_data.value))
    assert lines == expected(content, [(3, beats)])
    # The model of the memory loses a few cycles per burst.
    assert cycles < 1.3 * beats / PORTS + 60


@cocotb.test(timeout_time=150, timeout_unit="us")
async def ports_take_turns_from_the_first_one_on(dut):
    engine, content, _, bursts = await started(dut, 3)
    for line, beats in ((17, 64), (8, 16 * 7), (17, 64), (400, 20)):  # 5, 8, 5 and 2 bursts
        await engine.request([(line, beats)])
        lines = expected(content, [(line, beats)])
        assert await engine.take("line", len(lines)) == lines
        await engine.until(dut.empty)
        ports = [port for _, port in sorted((address, port) for port, address, _ in bursts)]
        assert ports == [place % PORTS for place in range(len(ports))]
        bursts.clear()
        await engine.cycles(2)


@cocotb.test(timeout_time=150, timeout_unit="us")
async def while_it_yields_it_is_slower(dut):
    engine, content, _, bursts = await started(dut, 4, pauses=False)
    yielding, beats = 3, 768
    dut.line_ready.value = 1
    for yields in (1, 0, 1):
        dut.yields.value = yields
        bursts.clear()
        giving = cocotb.start_soon(engine.give("request", [request(9, beats)], 0))
        soonest, seen, cycles = {}, 0, 0
        gaps = []
        while len(bursts) < beats // 16 or not dut.empty.value:
            await FallingEdge(dut.clk)
            cycles += 1
            for port, _, length in bursts[seen:]:
                gaps.append(cycles - soonest.get(port, 0))
                soonest[port] = cycles + yielding * length
            seen = len(bursts)
        await giving
        assert (min(gaps) >= 0) == bool(yields)
        # It goes on; the model of the memory loses a few cycles per burst.
        assert cycles < (yielding * 1.1 if yields else 1.3) * beats / PORTS + 100
    await works(engine, content)


@cocotb.test(timeout_time=150, timeout_unit="us")
async def lines_wait_and_memory_does_not(dut):
    engine, content, _, bursts = await started(dut, 2, pauses=False)
    await engine.request([(7, 1024)])
    await engine.cycles(600)
    # What is under way has places; nothing is asked for beyond them.
    assert dut.idle.value and not dut.empty.value
    asked = sum(beats for _, _, beats in bursts)
    assert PORTS * 16 * (BURSTS - 1) < asked <= PORTS * 16 * BURSTS + 2 * 4 * 16
    lines = expected(content, [(7, 1024)])
    assert await engine.take("line", len(lines)) == lines


@cocotb.test(timeout_time=150, timeout_unit="us")
@cocotb.parametrize(beats_inside=[0, 4, 20, 64])
async def no_burst_leaves_the_arena(dut, beats_inside):
    engine, content, _, bursts = await started(dut, beats_inside)
    first = LINES - beats_inside // 4
    await engine.request([(first, beats_inside + PORTS)])
    await engine.until(dut.outside)
    await engine.until(dut.idle)
    await engine.cycles(100)
    end = BASE + 64 * LINES
    assert all(address + 16 * beats <= end for _, address, beats in bursts)
    assert dut.outside.value and engine.errors == 0
    await engine.reset()
    assert not dut.outside.value
    await works(engine, content)


@cocotb.test(timeout_time=150, timeout_unit="us")
async def errors_are_told(dut):
    engine, content, ports, _ = await started(dut, 5)
    for port in ports:
        port.failing = (BASE + 64 * 40 + 5) % SIZE
    giving = cocotb.start_soon(engine.request([(30, 80)]))
    assert len(await engine.take("line", 80 // PORTS)) == 80 // PORTS
    await giving
    await engine.until(dut.empty)
    assert engine.errors == 1
    for port in ports:
        port.failing = None
    await works(engine, content)


@cocotb.test(timeout_time=150, timeout_unit="us")
@cocotb.parametrize(seed=range(8))
async def draining_ends_what_is_under_way(dut, seed):
    engine, content, ports, bursts = await started(dut, seed)
    r_channels = [port.r_channel for port in ports]
    giving = cocotb.start_soon(engine.request([(30, 800), (1, 400)]))
    await engine.cycles(engine.random.randrange(5, 150))
    dut.drain.value = 1
    dut.line_ready.value = 1
    before = len(bursts)
    await engine.until(dut.idle)
    for _ in range(60):
        await FallingEdge(dut.clk)
        assert dut.idle.value and not any(port.bus.rvalid.value for port in r_channels)
    # What a port had announced it may not withdraw.
    assert len(bursts) <= before + PORTS
    giving.cancel()
    dut.line_ready.value = 0
    dut.request_valid.value = 0
    await engine.reset()
    assert dut.empty.value
    await works(engine, content)


async def works(engine, content):
    requests = random_requests(engine.random, 4)
    giving = cocotb.start_soon(engine.request(requests))
    lines = expected(content, requests)
    assert await engine.take("line", len(lines)) == lines
    await giving
