"""The cocotb test of `engines.run_cocotb`; it runs inside the simulator.

Beats are played and taken by the bench's own modules; Python acts at the two ends of a run only,
which is what makes it fast.
"""

import os
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

_SCALAR = "M3VIT_SCALAR_"


@cocotb.test()
async def bench(dut: Any) -> None:
    """Set the scalars, release reset, wait until the bench has finished."""
    for variable, value in os.environ.items():
        if variable.startswith(_SCALAR):
            getattr(dut, variable.removeprefix(_SCALAR)).value = int(value)
    dut.rst_n.value = 0
    await ClockCycles(dut.clk, 2)
    dut.rst_n.value = 1
    await RisingEdge(dut.finished)
    await RisingEdge(dut.clk)
