// Splits requests at the multiples of 256 bytes into AXI4 bursts of at most 16 beats of 16 bytes.
//
// A burst per cycle, and a cycle between requests. A burst that is not wholly inside the arena is
// not given out: `outside` rises and stays, and no other one follows until reset.
module axi_bursts (
    input  logic        clk,
    input  logic        rst_n,
    input  logic        drain,  // no burst comes any more
    input  logic [39:0] arena_address,  // of its first byte, a multiple of 64
    input  logic [26:0] arena_lines,    // of 64 bytes
    input  logic [25:0] request_line,   // of 64 bytes, from the arena's start
    input  logic [23:0] request_beats,  // at least 1
    input  logic        request_valid,
    output logic        request_ready,
    output logic [39:0] burst_address,
    output logic [4:0]  burst_beats,
    output logic        burst_last,  // of its request
    output logic        burst_valid,
    input  logic        burst_ready,
    output logic        active,  // bursts of a request are still to come
    output logic        outside
);
    logic        splitting;  // the request is not wholly in bursts yet
    logic [27:0] place;      // of its next beat in the arena
    logic [23:0] remaining;  // beats

    wire [3:0] beat_in_block = arena_address[7:4] + place[3:0];
    wire [4:0] up_to_border = 5'd16 - 5'(beat_in_block);
    wire [4:0] beats = remaining < 24'(up_to_border) ? remaining[4:0] : up_to_border;
    wire inside_arena = 29'(place) + 29'(beats) <= {arena_lines, 2'b00};
    wire step = splitting && inside_arena && !outside && !drain && (!burst_valid || burst_ready);

    assign request_ready = !splitting;
    assign active = splitting || burst_valid;

    always_ff @(posedge clk) begin
        if (step) begin
            burst_address <= arena_address + {8'd0, place, 4'd0};
            burst_beats   <= beats;
            burst_last    <= remaining == 24'(beats);
            place         <= place + 28'(beats);
            remaining     <= remaining - 24'(beats);
        end else if (!splitting) begin
            place     <= {request_line, 2'b00};
            remaining <= request_beats;
        end
        if (!rst_n) begin
            splitting   <= 1'b0;
            burst_valid <= 1'b0;
            outside     <= 1'b0;
        end else begin
            splitting   <= splitting ? !(step && remaining == 24'(beats)) : request_valid;
            burst_valid <= step || (burst_valid && !burst_ready);
            outside     <= outside || (splitting && !inside_arena);
        end
    end
endmodule
