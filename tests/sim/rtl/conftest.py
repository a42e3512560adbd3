import pytest

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
