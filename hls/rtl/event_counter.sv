// Counts the cycles in which `event_now` is high, while `enable` is; `clear` sets it to zero.
module event_counter (
    input  logic        clk,
    input  logic        clear,
    input  logic        enable,
    input  logic        event_now,
    output logic [47:0] count
);
    always_ff @(posedge clk) begin
        if (clear) count <= '0;
        else if (enable && event_now) count <= count + 1'b1;
    end
endmodule
