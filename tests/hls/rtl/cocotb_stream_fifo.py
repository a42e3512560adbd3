"""cocotb tests of stream_fifo; they run inside the simulator. WIDTH and DEPTH come as variables."""

import os
import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge, Timer

WIDTH, DEPTH = int(os.environ["WIDTH"]), int(os.environ["DEPTH"])
LATENCY = int(os.environ["LATENCY"])


class Queue:
    """Drives the queue between clock edges and keeps what must come out."""

    def __init__(self, dut):
        self.dut = dut
        self.inside = deque()
        self.random = random.Random(DEPTH)

    async def start(self):
        self.dut.in_valid.value = 0
        self.dut.out_ready.value = 0
        self.dut.in_data.value = 0
        cocotb.start_soon(Clock(self.dut.clk, 10, "ns").start())
        await self.reset()

    async def reset(self):
        self.dut.rst_n.value = 0
        await RisingEdge(self.dut.clk)
        await RisingEdge(self.dut.clk)
        await FallingEdge(self.dut.clk)
        self.inside.clear()
        assert not self.dut.out_valid.value and not self.dut.in_ready.value
        self.dut.rst_n.value = 1
        await FallingEdge(self.dut.clk)

    async def cycle(self, offer, take):
        """One clock cycle; returns whether a word went in, and whether one came out."""
        dut = self.dut
        if not dut.in_valid.value or self.accepted:
            dut.in_valid.value = offer
            dut.in_data.value = self.random.getrandbits(WIDTH)
        dut.out_ready.value = take
        await Timer(1, "ns")
        self.accepted = bool(dut.in_valid.value) and bool(dut.in_ready.value)
        given = bool(dut.out_valid.value) and bool(take)
        if dut.out_valid.value:
            assert self.inside, "a word that never went in"
            assert dut.out_data.value == self.inside[0]
        if given:
            self.inside.popleft()
        if self.accepted:
            self.inside.append(int(dut.in_data.value))
        assert len(self.inside) <= DEPTH
        await FallingEdge(dut.clk)
        return self.accepted, given

    accepted = True


async def started(dut):
    queue = Queue(dut)
    await queue.start()
    return queue


@cocotb.test()
async def words_keep_their_order_under_stalls(dut):
    queue = await started(dut)
    for offers, takes in ((0.5, 0.5), (1.0, 0.3), (0.3, 1.0), (0.9, 0.9)):
        passed = 0
        for _ in range(6 * DEPTH + 200):
            chance = queue.random.random
            _, given = await queue.cycle(chance() < offers, chance() < takes)
            passed += given
        assert passed > 40


@cocotb.test()
async def every_place_is_used_and_every_word_comes_out(dut):
    queue = await started(dut)
    for _ in range(3):
        accepted = [(await queue.cycle(1, 0))[0] for _ in range(DEPTH + 3)]
        assert accepted == [True] * DEPTH + [False] * 3
        dut.in_valid.value = 0
        queue.accepted = True
        given = [(await queue.cycle(0, 1))[1] for _ in range(DEPTH + 3)]
        assert given == [True] * DEPTH + [False] * 3
        assert not queue.inside


@cocotb.test()
async def a_word_passes_in_every_cycle(dut):
    queue = await started(dut)
    given = [(await queue.cycle(1, 1))[1] for _ in range(2 * DEPTH + 50)]
    assert given == [False] * LATENCY + [True] * (2 * DEPTH + 50 - LATENCY)


@cocotb.test()
async def reset_empties_a_queue_in_use(dut):
    queue = await started(dut)
    for round_ in range(6):
        for _ in range(DEPTH + round_):
            await queue.cycle(1, queue.random.random() < 0.4)
        await queue.reset()
        assert not dut.out_valid.value and dut.in_ready.value
        queue.accepted = True


@cocotb.test()
async def no_path_leads_from_one_side_to_the_other(dut):
    queue = await started(dut)
    for _ in range(3 * DEPTH):
        before = int(dut.in_ready.value), int(dut.out_valid.value)
        for valid, ready in ((0, 0), (0, 1), (1, 0), (1, 1)):
            dut.in_valid.value = valid
            dut.out_ready.value = ready
            await Timer(1, "ns")
            assert (int(dut.in_ready.value), int(dut.out_valid.value)) == before
        dut.in_valid.value = 0
        queue.accepted = True
        await queue.cycle(queue.random.random() < 0.6, queue.random.random() < 0.4)
