// One AXI4 port of 128 bits that only reads: bursts of at most 16 beats in, lines out in order.
//
// A burst leaves once its lines have places in the queue behind the port; `rready` is therefore
// always high, and nothing that happens behind the port can hold the memory. A line is LINE_BEATS
// neighbouring beats, the first lowest; `line_last` marks the last one of a burst. While it
// `yields`, a port asks for a beat in YIELDING cycles at most: it goes on, but slower.
module axi_read_port #(
    parameter int LINE_BEATS = 1,
    parameter int BURSTS     = 8,  // full bursts that may be on their way or in the queue
    parameter int YIELDING   = 1,  // to 4
    localparam int Lines = 16 * BURSTS / LINE_BEATS,
    localparam int LineBits = 128 * LINE_BEATS,
    localparam int CountBits = $clog2(Lines + 1)
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                drain,  // no burst leaves any more
    input  logic                yields,
    input  logic [39:0]         burst_address,
    input  logic [4:0]          burst_beats,  // a multiple of LINE_BEATS
    input  logic                burst_valid,
    output logic                burst_ready,
    output logic [LineBits-1:0] line_data,
    output logic                line_last,
    output logic                line_valid,
    input  logic                line_ready,
    output logic                error,  // the memory answered with an error; for one cycle
    output logic                idle,   // the memory owes nothing
    output logic                empty,  // nor is anything waiting here

    output logic [39:0]         araddr,
    output logic [7:0]          arlen,
    output logic                arvalid,
    input  logic                arready,
    input  logic [127:0]        rdata,
    input  logic [1:0]          rresp,
    input  logic                rlast,
    input  logic                rvalid,
    output logic                rready
);
    logic [CountBits-1:0] room;     // places in the queue that no burst has claimed
    logic [8:0]           pending;  // beats that the memory owes, at most 16 x BURSTS
    logic [5:0]           pause;    // cycles until the next burst leaves a port that yields

    if (BURSTS < 1 || BURSTS > 16 || 16 % LINE_BEATS != 0) begin : refused
        $error("a port has 1 to 16 bursts of whole lines");
    end
    if (YIELDING < 1 || YIELDING > 4) begin : refused_too
        $error("a port that yields asks for a beat in 1 to 4 cycles");
    end

    wire [CountBits-1:0] burst_lines = CountBits'(burst_beats / 5'(LINE_BEATS));
    wire slow = yields && pause != '0;
    wire can_leave = !drain && (!arvalid || arready) && room >= burst_lines && !slow;
    wire leaves = burst_valid && can_leave;
    wire taken = line_valid && line_ready;

    assign burst_ready = can_leave;
    assign rready = 1'b1;
    assign error = rvalid && rresp[1];
    assign idle = !arvalid && pending == '0;
    assign empty = idle && !burst_valid && room == CountBits'(Lines);

    always_ff @(posedge clk) begin
        if (leaves) begin
            araddr <= burst_address;
            arlen  <= 8'(burst_beats - 5'd1);
        end
        if (!rst_n) begin
            arvalid <= 1'b0;
            room    <= CountBits'(Lines);
            pending <= '0;
            pause   <= '0;
        end else begin
            arvalid <= leaves || (arvalid && !arready);
            room    <= room - (leaves ? burst_lines : '0) + CountBits'(taken);
            pending <= pending + (leaves ? 9'(burst_beats) : '0) - 9'(rvalid);
            if (leaves) pause <= 6'(7'(YIELDING) * 7'(burst_beats) - 7'd1);
            else if (pause != '0) pause <= pause - 1'b1;
        end
    end

    // Lines ---------------------------------------------------------------------------------------

    logic [LineBits-1:0] whole;
    logic                complete;
    logic                in_ready;

    if (LINE_BEATS == 1) begin : narrow
        assign whole = rdata;
        assign complete = rvalid;
    end else begin : wide
        logic [LineBits-129:0]           earlier;  // beats of the line so far, the newest highest
        logic [$clog2(LINE_BEATS)-1:0]   position;

        assign whole = {rdata, earlier};
        assign complete = rvalid && position == '1;
        always_ff @(posedge clk) begin
            if (rvalid) earlier <= (LineBits - 128)'(whole >> 128);
            if (!rst_n) position <= '0;
            else if (rvalid) position <= position + 1'b1;
        end
    end

    stream_fifo #(.WIDTH(LineBits + 1), .DEPTH(Lines)) lines (
        .clk(clk),
        .rst_n(rst_n),
        .in_data({rlast, whole}),
        .in_valid(complete),
        .in_ready(in_ready),
        .out_data({line_last, line_data}),
        .out_valid(line_valid),
        .out_ready(line_ready)
    );

    wire unused = &{1'b0, in_ready, rresp[0]};
endmodule
