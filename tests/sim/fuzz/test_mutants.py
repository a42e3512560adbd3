from m3vit.sim.fuzz import mutants
from m3vit.sim.fuzz.netlist import read_netlist
from m3vit.sim.rtl import verilator

MODULE = """
module m (
    input  logic clk,
    input  logic rst_n,
    input  logic [7:0] a,
    output logic [7:0] y,
    output logic       full
);
    wire out_room;  // places left
    wire [8:0] sum = {1'd0, a} + 9'($signed(a[6:0]));  // a + a is no code here
    logic [7:0] sum_s1;
    logic [7:0] sum_s2;
    wire [7:0] choice = sum_s2 > 8'd3 ? sum_s2
        : -a;
    assign out_room = |sum_s1;
    assign full = !out_room;
    always_ff @(posedge clk) begin
        sum_s1 <= sum[7:0];
        sum_s2 <= sum_s1;
        if (!rst_n) y <= '0;
        else if (out_room && (choice <= 8'd9)) y <= choice;
    end
endmodule
"""


def changed(kind):
    return {" ".join(m.changed.split()) for m in mutants.mutants(MODULE) if m.kind == kind}


def test_every_kind_of_fault_is_planted():
    assert "{1'd0, a} - 9'($signed(a[6:0]))" in changed("operator")
    assert not any("-a" not in text and "? sum_s2" in text for text in changed("operator"))
    assert "sum_s2 > 8'd4 ? sum_s2 : -a" in changed("constant")
    assert "{1'd0, a} + 9'($signed(a[7:1]))" in changed("bit range")
    assert "{1'd0, a} + 9'($unsigned(a[6:0]))" in changed("sign lost")
    assert "sum_s1 > 8'd3 ? sum_s2 : -a" in changed("stage")
    assert "!(sum_s2 > 8'd3 ) ? sum_s2 : -a" in changed("inverted choice")
    assert changed("credit check dropped") == {"1'b1 && (choice <= 8'd9)", "!1'b1"}
    assert changed("inverted condition") == {"!(!rst_n)", "!(out_room && (choice <= 8'd9))"}
    assert changed("condition dropped") == {"1'b1"}
    assert changed("never") == {"1'b0"}


def test_lines_and_numbers_say_where():
    found = mutants.mutants(MODULE, first=10)
    assert [mutant.number for mutant in found] == list(range(10, 10 + len(found)))
    lines = MODULE.splitlines()
    assert all(m.original.splitlines()[0] in lines[m.line - 1] for m in found)


def test_every_fault_is_another_one():
    found = [(m.place, m.changed) for m in mutants.mutants(MODULE)]
    assert len(found) == len(set(found))


def test_all_faults_fit_into_one_module(tmp_path):
    path = tmp_path / "m.sv"
    path.write_text(mutants.PACKAGE + mutants.instrument(MODULE, mutants.mutants(MODULE)))
    found = verilator.lint([path], "m")
    assert not [entry for entry in found if entry.startswith("%Error")]


def test_for_proofs_each_fault_has_a_bit_of_its_own(tmp_path):
    chosen = mutants.mutants(MODULE)
    path = tmp_path / "m.sv"
    path.write_text(mutants.SOURCES + mutants.instrument_for_proof(MODULE, chosen))
    netlist = read_netlist("m", ["m.sv"], tmp_path)
    assert set(netlist.faults) == {mutant.number for mutant in chosen}
