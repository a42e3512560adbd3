"""cocotb test of ram_sdp; it runs inside the simulator. WIDTH, DEPTH, LATENCY are variables."""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

WIDTH, DEPTH, LATENCY = (int(os.environ[name]) for name in ("WIDTH", "DEPTH", "LATENCY"))


@cocotb.test()
async def reads_give_the_words_before_this_cycle(dut):
    generator = random.Random(LATENCY)
    words, pipeline, collisions = {}, [None] * LATENCY, 0
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    await FallingEdge(dut.clk)
    for cycle in range(8 * DEPTH + 300):
        filling = cycle < DEPTH
        write_enable = filling or generator.random() < 0.6
        write_address = cycle if filling else generator.randrange(DEPTH)
        # Every other read meets the address that is being written.
        meets = generator.random() < 0.5
        read_address = write_address if meets else generator.randrange(DEPTH)
        write_data = generator.getrandbits(WIDTH)
        dut.write_enable.value = write_enable
        dut.write_address.value = write_address
        dut.write_data.value = write_data
        dut.read_address.value = read_address
        await Timer(1, "ns")
        pipeline.append(words.get(read_address))
        expected = pipeline.pop(0)
        if expected is not None:
            assert dut.read_data.value == expected, f"cycle {cycle}"
        if write_enable:
            collisions += meets and not filling
            words[write_address] = write_data
        await FallingEdge(dut.clk)
    assert collisions > 50
    assert len(words) == DEPTH
