"""cocotb tests of axi_writer; they run inside the simulator."""

import random

import cocotb
from axi_bench import BASE, LINES, Engine, hesitant, quiet
from cocotb.triggers import FallingEdge
from cocotbext.axi import AxiRamWrite, AxiWriteBus

SIZE = 1 << 17


class Memory(AxiRamWrite):
    """Fails at one address."""

    failing = None

    async def _write(self, address, data):
        if self.failing is not None and 0 <= self.failing - address % SIZE < len(data):
            raise ValueError("this address fails")
        await super()._write(address, data)


class Writer(Engine):
    """The writer, its memory and what the memory must hold in the end."""

    def __init__(self, dut, seed, pauses=True):
        super().__init__(dut, random.Random(seed))
        bus = AxiWriteBus.from_prefix(dut, "axi")
        self.memory = quiet(Memory(bus, dut.clk, dut.rst_n, reset_active_level=False, size=SIZE))
        self.content = bytearray(self.random.randbytes(SIZE))
        self.memory.write(0, bytes(self.content))
        if pauses:
            memory = self.memory
            hesitant([memory.aw_channel, memory.w_channel, memory.b_channel], self.random)
        self.bursts = []
        dut.beat_valid.value = 0
        dut.response_ready.value = 0

    async def start(self):
        await super().start()
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut = self.dut
        while True:
            await FallingEdge(dut.clk)
            if dut.axi_awvalid.value and dut.axi_awready.value:
                self.bursts.append((int(dut.axi_awaddr.value), int(dut.axi_awlen.value) + 1))

    def prepare(self, requests):
        """Beats for the requests (line, beats); `content` becomes what they leave in memory."""
        words = []
        for line, beats in requests:
            first = (BASE + 64 * line) % SIZE
            data = self.random.randbytes(16 * beats)
            self.content[first : first + len(data)] = data
            for place in range(0, len(data), 16):
                words.append({"beat_data": int.from_bytes(data[place : place + 16], "little")})
        return words

    async def write(self, requests, hesitation=0.3):
        words = self.prepare(requests)
        cocotb.start_soon(self.request(requests))
        giving = cocotb.start_soon(self.give("beat", words, hesitation))
        await self.take("response", len(requests), hesitation, data=False)
        await giving

    def check_memory(self):
        assert self.memory.read(0, SIZE) == bytes(self.content)

    def random_requests(self, count):
        requests = []
        for _ in range(count):
            beats = self.random.choice((1, 2, 3, 15, 16, 17, self.random.randrange(1, 90)))
            requests.append((self.random.randrange(LINES - -(-beats // 4)), beats))
        return [*requests, (LINES - 2, 8), (0, 4)]


@cocotb.test(timeout_time=150, timeout_unit="us")
@cocotb.parametrize(seed=range(4))
async def memory_holds_what_was_written_when_the_response_comes(dut, seed):
    writer = Writer(dut, seed)
    await writer.start()
    requests = writer.random_requests(25)
    await writer.write(requests, 0.2 * seed)
    writer.check_memory()
    await writer.until(dut.empty)
    assert dut.idle.value and not dut.outside.value and writer.errors == 0
    for address, beats in writer.bursts:
        assert address // 256 == (address + 16 * beats - 1) // 256
    await writer.cycles(50)
    assert not dut.response_valid.value


@cocotb.test(timeout_time=150, timeout_unit="us")
async def responses_follow_their_requests(dut):
    writer = Writer(dut, 1)
    await writer.start()
    for request in ((5, 3), (9, 70), (100, 16)):
        words = writer.prepare([request])
        await writer.request([request])
        await writer.give("beat", words[:-1])
        await writer.cycles(100)
        await FallingEdge(dut.clk)
        assert not dut.response_valid.value and not dut.empty.value
        await writer.give("beat", words[-1:])
        await writer.take("response", 1, data=False)
        writer.check_memory()
        await writer.cycles(20)
        assert not dut.response_valid.value and dut.empty.value


@cocotb.test(timeout_time=150, timeout_unit="us")
async def responses_wait_and_are_all_there(dut):
    writer = Writer(dut, 3)
    await writer.start()
    requests = [(line, 1) for line in range(60)]
    words = writer.prepare(requests)
    cocotb.start_soon(writer.request(requests))
    cocotb.start_soon(writer.give("beat", words))
    await writer.cycles(1500)
    assert dut.idle.value and not dut.empty.value
    await writer.take("response", 60, data=False)
    await writer.until(dut.empty)
    writer.check_memory()


@cocotb.test(timeout_time=150, timeout_unit="us")
async def a_burst_leaves_with_its_last_beat(dut):
    writer = Writer(dut, 2, pauses=False)
    await writer.start()
    words = writer.prepare([(3, 40)])
    await writer.request([(3, 40)])
    await writer.give("beat", words[:15])
    await writer.cycles(100)
    # The memory is never kept waiting for a beat: one that has begun is complete.
    assert sum(beats for _, beats in writer.bursts) <= 15 and dut.idle.value
    await writer.give("beat", words[15:])
    await writer.take("response", 1, data=False)
    writer.check_memory()


@cocotb.test(timeout_time=150, timeout_unit="us")
@cocotb.parametrize(inside=[0, 4, 20, 64])
async def no_burst_leaves_the_arena(dut, inside):
    writer = Writer(dut, inside)
    await writer.start()
    first = LINES - inside // 4
    words = writer.prepare([(first, inside)])
    cocotb.start_soon(writer.give("beat", [*words, *[{"beat_data": 7}] * 4]))
    await writer.request([(first, inside + 4)])
    await writer.until(dut.outside)
    await writer.until(dut.idle)
    await writer.cycles(100)
    assert dut.outside.value and not dut.response_valid.value
    assert all(address + 16 * beats <= BASE + 64 * LINES for address, beats in writer.bursts)
    end = (BASE + 64 * LINES) % SIZE
    assert writer.memory.read(end, 64) == bytes(writer.content[end : end + 64])


@cocotb.test(timeout_time=150, timeout_unit="us")
async def errors_are_told(dut):
    writer = Writer(dut, 5)
    await writer.start()
    writer.memory.failing = (BASE + 64 * 40 + 5) % SIZE
    await writer.write([(30, 80)])
    assert writer.errors == 1
    writer.memory.failing = None
    await writer.write([(30, 80)])
    assert writer.errors == 1
    writer.check_memory()


@cocotb.test(timeout_time=150, timeout_unit="us")
@cocotb.parametrize(seed=range(8))
async def draining_ends_what_is_under_way(dut, seed):
    writer = Writer(dut, seed)
    await writer.start()
    requests = [(30, 200), (1, 100)]
    tasks = [
        cocotb.start_soon(writer.request(requests)),
        cocotb.start_soon(writer.give("beat", writer.prepare(requests), 0.05)),
    ]
    await writer.cycles(writer.random.randrange(5, 200))
    dut.drain.value = 1
    await writer.cycles(2)
    announcing, owing = True, True
    for _ in range(400):
        # What the port announces it may not withdraw; nothing new follows.
        assert announcing or not dut.axi_awvalid.value
        assert owing or not (dut.axi_bvalid.value or dut.axi_wvalid.value)
        announcing = announcing and bool(dut.axi_awvalid.value)
        owing = not dut.idle.value
        await FallingEdge(dut.clk)
    assert not owing
    for task in tasks:
        task.cancel()
    dut.request_valid.value = 0
    dut.beat_valid.value = 0
    await writer.reset()
    assert dut.empty.value
    writer.content[:] = writer.memory.read(0, SIZE)
    await writer.write(writer.random_requests(4))
    writer.check_memory()
