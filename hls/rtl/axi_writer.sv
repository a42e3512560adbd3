// Writes the arena through one AXI4 port of 128 bits: requests, and a stream of their beats.
//
// Bursts as in axi_bursts. When the memory has acknowledged the last one of a request, a word comes
// on the stream of responses. A burst leaves once all its beats have come, so that the port never
// keeps the memory waiting; with `drain`, those that have left are completed and no other leaves.
module axi_writer #(
    parameter int BURSTS = 8  // that may be unacknowledged
) (
    input  logic         clk,
    input  logic         rst_n,
    input  logic         drain,  // no burst leaves any more, until reset
    input  logic [39:0]  arena_address,  // of its first byte, a multiple of 64
    input  logic [26:0]  arena_lines,    // of 64 bytes
    input  logic [25:0]  request_line,   // of 64 bytes, from the arena's start
    input  logic [23:0]  request_beats,  // of 16 bytes: at least 1
    input  logic         request_valid,
    output logic         request_ready,
    input  logic [127:0] beat_data,
    input  logic         beat_valid,
    output logic         beat_ready,
    output logic         response_valid,
    input  logic         response_ready,
    output logic         outside,  // a burst would leave the arena; stays, and nothing leaves
    output logic         error,    // the memory answered with an error; for one cycle
    output logic         idle,     // the memory has acknowledged all that left
    output logic         empty,    // nor is anything waiting here

    output logic [39:0]  awaddr,
    output logic [7:0]   awlen,
    output logic         awvalid,
    input  logic         awready,
    output logic [127:0] wdata,
    output logic         wlast,
    output logic         wvalid,
    input  logic         wready,
    input  logic [1:0]   bresp,
    input  logic         bvalid,
    output logic         bready
);
    localparam int Places = 64;
    localparam int CountBits = $clog2(BURSTS + 1);

    logic [39:0]          burst_address;
    logic [4:0]           burst_beats;
    logic                 burst_last;
    logic                 burst_valid;
    logic                 burst_ready;
    logic                 active;
    logic [6:0]           waiting;         // beats here whose burst has not left
    logic [CountBits-1:0] unacknowledged;  // bursts
    logic [4:0]           responses;       // that nobody has taken yet
    logic                 of_last;         // the next acknowledgement is of a request's last burst

    if (BURSTS < 2 || BURSTS > 15) begin : refused
        $error("2 to 15 bursts may be unacknowledged");
    end

    axi_bursts bursts (.*);

    wire stopped = drain || outside;
    wire comes = beat_valid && beat_ready;
    wire leaves = burst_valid && burst_ready;

    assign burst_ready = !stopped && (!awvalid || awready) && waiting >= 7'(burst_beats)
                         && unacknowledged != CountBits'(BURSTS) && !responses[4];
    assign bready = 1'b1;
    assign error = bvalid && bresp[1];
    assign idle = unacknowledged == '0;
    assign empty = idle && !request_valid && !active && !beat_valid && waiting == '0
                   && !response_valid;
    assign response_valid = responses != '0;

    always_ff @(posedge clk) begin
        if (leaves) begin
            awaddr <= burst_address;
            awlen  <= 8'(burst_beats - 5'd1);
        end
        if (!rst_n) begin
            awvalid        <= 1'b0;
            waiting        <= '0;
            unacknowledged <= '0;
            responses      <= '0;
        end else begin
            awvalid        <= leaves || (awvalid && !awready);
            waiting        <= waiting + 7'(comes) - (leaves ? 7'(burst_beats) : '0);
            unacknowledged <= unacknowledged + CountBits'(leaves) - CountBits'(bvalid);
            responses      <= responses + 5'(bvalid && of_last)
                              - 5'(response_valid && response_ready);
        end
    end

    logic lasts_ready;
    logic lasts_valid;

    stream_fifo #(.WIDTH(1), .DEPTH(BURSTS)) lasts (
        .clk(clk),
        .rst_n(rst_n),
        .in_data(burst_last),
        .in_valid(leaves),
        .in_ready(lasts_ready),
        .out_data(of_last),
        .out_valid(lasts_valid),
        .out_ready(bvalid)
    );

    // Beats, of bursts whose address has been taken -------------------------------------------------

    logic [3:0] position;  // of the next beat in its burst
    logic [3:0] last_position;
    logic       announced;
    logic       announced_ready;
    logic       stored;

    stream_fifo #(.WIDTH(4), .DEPTH(BURSTS)) lengths (
        .clk(clk),
        .rst_n(rst_n),
        .in_data(awlen[3:0]),
        .in_valid(awvalid && awready),
        .in_ready(announced_ready),
        .out_data(last_position),
        .out_valid(announced),
        .out_ready(wvalid && wready && wlast)
    );

    stream_fifo #(.WIDTH(128), .DEPTH(Places)) beats (
        .clk(clk),
        .rst_n(rst_n),
        .in_data(beat_data),
        .in_valid(beat_valid),
        .in_ready(beat_ready),
        .out_data(wdata),
        .out_valid(stored),
        .out_ready(announced && wready)
    );

    assign wvalid = announced && stored;
    assign wlast = position == last_position;

    always_ff @(posedge clk) begin
        if (!rst_n) position <= '0;
        else if (wvalid && wready) position <= wlast ? '0 : position + 1'b1;
    end

    wire unused = &{1'b0, announced_ready, lasts_ready, lasts_valid, bresp[0]};
endmodule
