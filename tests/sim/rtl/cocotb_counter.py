"""cocotb tests of the counter in test_runner.py; they run inside the simulator."""

import os

import cocotb
from cocotb.triggers import RisingEdge


@cocotb.test()
async def counts(dut):
    dut.rst_n.value = 0
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst_n.value = 1
    for _ in range(int(os.environ["STEPS"])):
        await RisingEdge(dut.clk)
    assert dut.count.value == int(os.environ["EXPECTED"])
