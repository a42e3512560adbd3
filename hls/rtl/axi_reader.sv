// Reads the arena through PORTS AXI4 ports: requests in, lines of 16 x PORTS bytes out in order.
//
// A request is split at the multiples of 256 bytes into bursts of at most 16 beats, none of which
// crosses 4 KiB; they are dealt to the ports in turn, so that together these give PORTS beats per
// cycle; when the reader was empty, the first port is next. No burst leaves that is not wholly
// inside the arena: `outside` rises and stays instead, and nothing leaves from then on, as if
// `drain` were high. While the reader `yields` to another one, each port asks for a beat in YIELDING
// cycles at most.
module axi_reader #(
    parameter int PORTS    = 1,  // 1, 2 or 4
    parameter int BURSTS   = 8,  // full bursts of a port that may be on their way or in its queue
    parameter int YIELDING = 1   // to 4
) (
    input  logic                 clk,
    input  logic                 rst_n,
    input  logic                 drain,  // no burst leaves any more, until reset
    input  logic                 yields,
    input  logic [39:0]          arena_address,  // of its first byte, a multiple of 64
    input  logic [26:0]          arena_lines,    // of 64 bytes
    input  logic [25:0]          request_line,   // of 64 bytes, from the arena's start
    input  logic [23:0]          request_beats,  // of 16 bytes: at least 1, a multiple of PORTS
    input  logic                 request_valid,
    output logic                 request_ready,
    output logic [128*PORTS-1:0] line_data,
    output logic                 line_valid,
    input  logic                 line_ready,
    output logic                 outside,
    output logic                 error,  // the memory answered with an error; for one cycle
    output logic                 idle,   // the memory owes nothing
    output logic                 empty,  // nor is anything waiting here

    output logic [40*PORTS-1:0]  araddr,
    output logic [8*PORTS-1:0]   arlen,
    output logic [PORTS-1:0]     arvalid,
    input  logic [PORTS-1:0]     arready,
    input  logic [128*PORTS-1:0] rdata,
    input  logic [2*PORTS-1:0]   rresp,
    input  logic [PORTS-1:0]     rlast,
    input  logic [PORTS-1:0]     rvalid,
    output logic [PORTS-1:0]     rready
);
    localparam int TurnBits = PORTS > 1 ? $clog2(PORTS) : 1;

    if (PORTS != 1 && PORTS != 2 && PORTS != 4) begin : refused
        $error("lines of 64 bytes are dealt to 1, 2 or 4 ports");
    end

    function automatic [TurnBits-1:0] after(input [TurnBits-1:0] port);
        after = port == TurnBits'(PORTS - 1) ? '0 : port + 1'b1;
    endfunction

    // Bursts --------------------------------------------------------------------------------------

    logic [39:0]         burst_address;
    logic [4:0]          burst_beats;
    logic                burst_last;
    logic                burst_valid;
    logic                burst_ready;
    logic                active;
    logic [TurnBits-1:0] turn;  // port that gets the next burst
    logic [PORTS-1:0]    port_ready;

    axi_bursts bursts (.*);

    assign burst_ready = port_ready[turn];

    wire last_unused = &{1'b0, burst_last};

    always_ff @(posedge clk) begin
        if (!rst_n || empty) turn <= '0;
        else if (burst_valid && burst_ready) turn <= after(turn);
    end

    // Ports ---------------------------------------------------------------------------------------

    logic [128*PORTS-1:0] port_line[PORTS];
    logic [PORTS-1:0]     port_line_last;
    logic [PORTS-1:0]     port_line_valid;
    logic [PORTS-1:0]     port_line_ready;
    logic [PORTS-1:0]     port_error;
    logic [PORTS-1:0]     port_idle;
    logic [PORTS-1:0]     port_empty;

    for (genvar port = 0; port < PORTS; port++) begin : ports
        logic [39:0] address;
        logic [4:0]  beats;
        logic        valid;
        logic        ready;

        stream_fifo #(.WIDTH(45), .DEPTH(4)) queue (
            .clk(clk),
            .rst_n(rst_n),
            .in_data({burst_beats, burst_address}),
            .in_valid(burst_valid && turn == TurnBits'(port)),
            .in_ready(port_ready[port]),
            .out_data({beats, address}),
            .out_valid(valid),
            .out_ready(ready)
        );

        axi_read_port #(.LINE_BEATS(PORTS), .BURSTS(BURSTS), .YIELDING(YIELDING)) reads (
            .clk(clk),
            .rst_n(rst_n),
            .drain(drain || outside),
            .yields(yields),
            .burst_address(address),
            .burst_beats(beats),
            .burst_valid(valid),
            .burst_ready(ready),
            .line_data(port_line[port]),
            .line_last(port_line_last[port]),
            .line_valid(port_line_valid[port]),
            .line_ready(port_line_ready[port]),
            .error(port_error[port]),
            .idle(port_idle[port]),
            .empty(port_empty[port]),
            .araddr(araddr[40*port+:40]),
            .arlen(arlen[8*port+:8]),
            .arvalid(arvalid[port]),
            .arready(arready[port]),
            .rdata(rdata[128*port+:128]),
            .rresp(rresp[2*port+:2]),
            .rlast(rlast[port]),
            .rvalid(rvalid[port]),
            .rready(rready[port])
        );
    end

    assign error = |port_error;
    assign idle = &port_idle;
    assign empty = &port_empty && !request_valid && !active && !line_valid;

    // Lines ---------------------------------------------------------------------------------------

    if (PORTS == 1) begin : single
        assign line_data = port_line[0];
        assign line_valid = port_line_valid[0];
        assign port_line_ready = line_ready;

        wire unused = &{1'b0, port_line_last};
    end else begin : joined
        logic [TurnBits-1:0] source;  // port whose burst is next
        logic                ready;

        wire valid = port_line_valid[source];

        always_comb begin
            port_line_ready = '0;
            port_line_ready[source] = ready;
        end

        always_ff @(posedge clk) begin
            if (!rst_n || empty) source <= '0;
            else if (valid && ready && port_line_last[source]) source <= after(source);
        end

        stream_fifo #(.WIDTH(128 * PORTS), .DEPTH(2)) slice (
            .clk(clk),
            .rst_n(rst_n),
            .in_data(port_line[source]),
            .in_valid(valid),
            .in_ready(ready),
            .out_data(line_data),
            .out_valid(line_valid),
            .out_ready(line_ready)
        );
    end
endmodule
