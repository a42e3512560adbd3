// axi_writer with the signals of a complete AXI4 port.
module axi_writer_bench #(
    parameter int BURSTS = 3
) (
    input  logic         clk,
    input  logic         rst_n,
    input  logic         drain,
    input  logic [39:0]  arena_address,
    input  logic [26:0]  arena_lines,
    input  logic [25:0]  request_line,
    input  logic [23:0]  request_beats,
    input  logic         request_valid,
    output logic         request_ready,
    input  logic [127:0] beat_data,
    input  logic         beat_valid,
    output logic         beat_ready,
    output logic         response_valid,
    input  logic         response_ready,
    output logic         outside,
    output logic         error,
    output logic         idle,
    output logic         empty
);
    logic [39:0]  axi_awaddr;
    logic [7:0]   axi_awlen;
    logic         axi_awvalid, axi_awready;
    logic [127:0] axi_wdata;
    logic         axi_wlast, axi_wvalid, axi_wready;
    logic [1:0]   axi_bresp;
    logic         axi_bvalid, axi_bready;

    wire          axi_awid = 1'b0;
    logic         axi_bid;
    wire  [2:0]   axi_awsize = 3'd4;
    wire  [1:0]   axi_awburst = 2'd1;
    wire  [15:0]  axi_wstrb = '1;

    axi_writer #(.BURSTS(BURSTS)) writer (
        .awaddr(axi_awaddr),
        .awlen(axi_awlen),
        .awvalid(axi_awvalid),
        .awready(axi_awready),
        .wdata(axi_wdata),
        .wlast(axi_wlast),
        .wvalid(axi_wvalid),
        .wready(axi_wready),
        .bresp(axi_bresp),
        .bvalid(axi_bvalid),
        .bready(axi_bready),
        .*
    );
endmodule
