import numpy as np
import pytest

from m3vit.sim.rtl import packing
from m3vit.sim.rtl.harness import Target

COUNTER = """
module counter #(parameter int STEP = 1) (
    input  logic       clk,
    input  logic       rst_n,
    output logic [7:0] count
);
    always_ff @(posedge clk) begin
        if (!rst_n) count <= '0;
        else count <= count + 8'(STEP);
    end
endmodule
"""


@pytest.fixture
def counter(tmp_path):
    """A file with a module that counts clock edges."""
    path = tmp_path / "counter.sv"
    path.write_text(COUNTER)
    return path


PAIR = packing.lay_out("Pair", [("a", 12, True), ("b", 5, False)])
SUM = packing.lay_out("ap_int<13>", [("", 13, True)])
SUMS = """
module sums (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [3:0]  offset,
    input  logic [16:0] pairs_data,
    input  logic        pairs_valid,
    output logic        pairs_ready,
    output logic [12:0] totals_data,
    output logic        totals_valid,
    input  logic        totals_ready
);
    wire [12:0] total = 13'($signed(pairs_data[11:0])) + 13'(pairs_data[16:12]) + 13'(offset);
    logic [12:0] queue[2];
    logic [1:0] count;
    wire push = pairs_valid && pairs_ready;
    wire pop = totals_valid && totals_ready;
    assign pairs_ready = count < 2'd2;
    assign totals_valid = count != 2'd0;
    assign totals_data = queue[0];
    always_ff @(posedge clk) begin
        if (pop) queue[0] <= queue[1];
        if (push) queue[1'(count - 2'(pop))] <= total;
        count <= rst_n ? count + 2'(push) - 2'(pop) : 2'd0;
    end
endmodule
"""


@pytest.fixture
def sums(tmp_path):
    """A function that writes the text of a design which adds pairs, changed or not, and gives the
    target."""

    def make(before="", after=""):
        assert before in SUMS
        path = tmp_path / "sums.sv"
        path.write_text(SUMS.replace(before, after) if before else SUMS)
        return Target("sums", (path,), {"pairs": PAIR}, {"totals": SUM}, {"offset": 4})

    return make


@pytest.fixture
def pairs():
    """300 beats for `sums`, extremes first, and what should come out at offset 3."""
    generator = np.random.default_rng(1)
    beats = np.zeros(300, packing.payload_type(PAIR))
    beats["a"] = generator.integers(-2048, 2048, 300)
    beats["b"] = generator.integers(0, 32, 300)
    beats[:2] = [(-2048, 0), (2047, 31)]
    return beats, beats["a"] + beats["b"].astype(np.int16) + 3
