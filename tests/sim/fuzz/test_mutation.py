import numpy as np
import pytest

from m3vit.sim.fuzz import mutation
from m3vit.sim.rtl import packing, stalls
from m3vit.sim.rtl.exchange import Stimulus
from m3vit.sim.rtl.harness import Target

TEXT = """
module clamp (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [7:0]  in_data,
    input  logic        in_valid,
    output logic        in_ready,
    output logic [7:0]  out_data,
    output logic        out_valid,
    input  logic        out_ready
);
    wire [7:0] clamped = $signed(in_data) < $signed(8'd100) ? in_data : 8'd100;
    wire [8:0] sum = 9'($signed(clamped)) + 9'd7;
    assign in_ready = !out_valid || out_ready;
    always_ff @(posedge clk) begin
        if (in_valid && in_ready) out_data <= sum[7:0];
        if (!rst_n) out_valid <= 1'b0;
        else if (in_ready) out_valid <= in_valid;
    end
endmodule
"""
CODE = packing.lay_out("ap_int<8>", [("", 8, True)])


@pytest.fixture
def subject(tmp_path):
    path = tmp_path / "clamp.sv"
    path.write_text(TEXT)
    codes = np.random.default_rng(0).permutation(np.arange(-128, 128)).astype(np.int8)
    results = (np.minimum(codes, 100).astype(np.int16) + 7).astype(np.int8)
    expected = {"out": packing.pack(results, CODE)}
    return mutation.Subject(
        target=Target("clamp", (path,), {"in": CODE}, {"out": CODE}),
        generated=(path,),
        stimulus=Stimulus({"in": packing.pack(codes, CODE)}, expected={"out": 256}),
        expected=expected,
        patterns=(stalls.NONE, stalls.RANDOM[0], stalls.LONG_STALLS, stalls.RELUCTANT),
    )


def test_faults_are_caught_unless_they_are_none(subject):
    done = []
    found = mutation.count(subject, 1000, 1, lambda: done.append(1))
    assert found.score >= 0.95, found.survivors
    changes = {mutant.changed for _, mutant in found.equivalent}
    assert "$signed(in_data) <= $signed(8'd100) ? in_data : 8'd100" in changes
    assert len(done) == found.caught.total() + len(found.equivalent) + len(found.survivors) > 20


def test_a_bench_that_sees_little_lets_faults_survive(subject):
    subject.stimulus.inputs["in"][:] = 1
    subject.expected["out"][:] = 8
    found = mutation.count(subject, 12, 3)
    assert found.score < 0.95
    assert found.survivors


def test_a_design_that_fails_anyway_is_no_subject(subject):
    subject.expected["out"][3] ^= 1
    with pytest.raises(ValueError, match="clamp fails without a fault: beat 3"):
        mutation.count(subject, 1, 1)
