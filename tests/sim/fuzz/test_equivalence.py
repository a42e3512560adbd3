"""Proofs that faults are none."""

import pytest

from m3vit.sim.fuzz.equivalence import equivalent
from m3vit.sim.fuzz.mutants import mutants

# `kept` is always written before it is read, `total` is not; `part` is read while it is valid only.
TEXT = """
module sums (
    input  logic clk,
    input  logic rst_n,
    input  logic [3:0] in_data,
    input  logic in_valid,
    output logic in_ready,
    output logic [3:0] out_data,
    output logic out_valid,
    input  logic out_ready
);
    wire unused_ready = out_ready;
    logic [3:0] kept;
    logic [3:0] total;
    logic [3:0] part;
    logic first;
    logic [3:0] words[4];
    logic [1:0] place;
    wire [3:0] limited = in_data < 4'd5 ? in_data : 4'd5;
    wire [3:0] before = first ? limited : kept;
    wire [3:0] after = before + total;
    wire [7:0] product = $signed(part) * $signed(part);
    assign in_ready = 1'b1;
    assign out_data = product[3:0] ^ words[place];
    always_ff @(posedge clk) begin
        part <= after;
        if (in_valid) words[place + 2'd1] <= in_data;
    end
    always_ff @(posedge clk) begin
        if (!rst_n) begin
            kept <= 4'd0;
            total <= 4'd0;
            first <= 1'b1;
            out_valid <= 1'b0;
            place <= 2'd0;
        end else begin
            out_valid <= in_valid;
            if (in_valid) begin
                kept <= limited;
                total <= after;
                first <= 1'b0;
                place <= place + 2'd1;
            end
        end
    end
endmodule
"""

NONE = {
    "kept <= 4'd0": {"4'd1", "4'd15"},
    "wire [3:0] limited": {
        "in_data <= 4'd5 ? in_data : 4'd5",
        "in_data < 4'd6 ? in_data : 4'd5",
    },
}
"""All faults that change nothing, by a part of their line."""


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    path = tmp_path_factory.mktemp("sums") / "sums.sv"
    path.write_text(TEXT)
    found = mutants(TEXT)
    numbers = equivalent("sums", [path], {path: found})
    return [mutant for mutant in found if mutant.number in numbers]


def test_all_faults_that_change_nothing_are_found_and_no_others(proven):
    lines = TEXT.splitlines()
    found = {(lines[mutant.line - 1].strip(), mutant.changed) for mutant in proven}
    wanted = {(part, changed) for part, changes in NONE.items() for changed in changes}
    assert len(found) == len(wanted)
    assert all(
        any(part in line and changed == other for line, other in found) for part, changed in wanted
    )
