// Prints every word of a stream: the cycle since reset, the stream's name, the word.
module stream_monitor #(
    parameter     NAME  = "",
    parameter int WIDTH = 1
) (
    input logic             clk,
    input logic             rst_n,
    input logic [WIDTH-1:0] data,
    input logic             valid,
    input logic             ready
);
    longint cycle;

    always_ff @(posedge clk) begin
        cycle <= rst_n ? cycle + 1 : 0;
        if (rst_n && valid && ready) $display("%0d %s %h", cycle, NAME, data);
    end
endmodule
