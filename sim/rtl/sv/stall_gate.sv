// Decides, cycle by cycle, whether the bench's end of a stream takes part in handshakes.
//
// mode 0: always. mode 1: with probability first/65536. mode 2: bursts of `first` open and
// `second` closed cycles on average; both 1 toggle. mode 3: closed until the whole bench has been
// quiet for long, then open for `first` beats on average: everything fills up or runs dry.
module stall_gate (
    input  logic clk,
    input  logic rst_n,
    input  int   mode,
    input  int   first,
    input  int   second,
    input  int   seed,
    input  logic quiet,
    input  logic moved,
    output logic open
);
    logic [31:0] random;
    int          left;

    function automatic logic [31:0] successor(logic [31:0] state);  // xorshift
        state = state ^ (state << 13);
        state = state ^ (state >> 17);
        return state ^ (state << 5);
    endfunction

    function automatic int drawn(int mean);  // 1 ... 2 mean - 1
        return 1 + int'({1'b0, random[30:0]}) % (2 * mean - 1);
    endfunction

    always_ff @(posedge clk) begin
        random <= successor(random);
        if (!rst_n) begin
            random <= seed == 0 ? 32'd1 : seed;
            open   <= mode != 3;
            left   <= 1;
        end else begin
            case (mode)
                1: open <= {16'b0, random[15:0]} < first;
                2: begin
                    left <= left - 1;
                    if (left <= 1) begin
                        open <= !open;
                        left <= drawn(open ? second : first);
                    end
                end
                3: begin
                    if (!open) begin
                        open <= quiet;
                        left <= drawn(first);
                    end else if (moved) begin
                        open <= left > 1;
                        left <= left - 1;
                    end
                end
                default: open <= 1'b1;
            endcase
        end
    end
endmodule
