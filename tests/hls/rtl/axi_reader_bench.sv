// axi_reader with the signals of four complete AXI4 ports; those above PORTS are quiet.
module axi_reader_bench #(
    parameter int PORTS    = 1,
    parameter int BURSTS   = 2,
    parameter int YIELDING = 3
) (
    input  logic                 clk,
    input  logic                 rst_n,
    input  logic                 drain,
    input  logic                 yields,
    input  logic [39:0]          arena_address,
    input  logic [26:0]          arena_lines,
    input  logic [25:0]          request_line,
    input  logic [23:0]          request_beats,
    input  logic                 request_valid,
    output logic                 request_ready,
    output logic [128*PORTS-1:0] line_data,
    output logic                 line_valid,
    input  logic                 line_ready,
    output logic                 outside,
    output logic                 error,
    output logic                 idle,
    output logic                 empty
);
    logic [39:0]  axi0_araddr, axi1_araddr, axi2_araddr, axi3_araddr;
    logic [7:0]   axi0_arlen, axi1_arlen, axi2_arlen, axi3_arlen;
    logic         axi0_arvalid, axi1_arvalid, axi2_arvalid, axi3_arvalid;
    logic         axi0_arready, axi1_arready, axi2_arready, axi3_arready;
    logic [127:0] axi0_rdata, axi1_rdata, axi2_rdata, axi3_rdata;
    logic [1:0]   axi0_rresp, axi1_rresp, axi2_rresp, axi3_rresp;
    logic         axi0_rlast, axi1_rlast, axi2_rlast, axi3_rlast;
    logic         axi0_rvalid, axi1_rvalid, axi2_rvalid, axi3_rvalid;
    logic         axi0_rready, axi1_rready, axi2_rready, axi3_rready;
    logic         axi0_arid, axi1_arid, axi2_arid, axi3_arid;
    logic         axi0_rid, axi1_rid, axi2_rid, axi3_rid;
    logic [2:0]   axi0_arsize, axi1_arsize, axi2_arsize, axi3_arsize;
    logic [1:0]   axi0_arburst, axi1_arburst, axi2_arburst, axi3_arburst;

    logic [159:0] araddr;
    logic [31:0]  arlen;
    logic [3:0]   arvalid, rready;

    assign {axi3_araddr, axi2_araddr, axi1_araddr, axi0_araddr} = araddr;
    assign {axi3_arlen, axi2_arlen, axi1_arlen, axi0_arlen} = arlen;
    assign {axi3_arvalid, axi2_arvalid, axi1_arvalid, axi0_arvalid} = arvalid;
    assign {axi3_rready, axi2_rready, axi1_rready, axi0_rready} = rready;
    assign {axi3_arid, axi2_arid, axi1_arid, axi0_arid} = '0;
    assign {axi3_arsize, axi2_arsize, axi1_arsize, axi0_arsize} = {4{3'd4}};
    assign {axi3_arburst, axi2_arburst, axi1_arburst, axi0_arburst} = {4{2'd1}};

    wire [3:0]   arready = {axi3_arready, axi2_arready, axi1_arready, axi0_arready};
    wire [511:0] rdata = {axi3_rdata, axi2_rdata, axi1_rdata, axi0_rdata};
    wire [7:0]   rresp = {axi3_rresp, axi2_rresp, axi1_rresp, axi0_rresp};
    wire [3:0]   rlast = {axi3_rlast, axi2_rlast, axi1_rlast, axi0_rlast};
    wire [3:0]   rvalid = {axi3_rvalid, axi2_rvalid, axi1_rvalid, axi0_rvalid};

    if (PORTS < 4) begin : quiet
        assign araddr[159:40*PORTS] = '0;
        assign arlen[31:8*PORTS] = '0;
        assign arvalid[3:PORTS] = '0;
        assign rready[3:PORTS] = '0;
    end

    axi_reader #(.PORTS(PORTS), .BURSTS(BURSTS), .YIELDING(YIELDING)) reader (
        .clk,
        .rst_n,
        .drain,
        .yields,
        .arena_address,
        .arena_lines,
        .request_line,
        .request_beats,
        .request_valid,
        .request_ready,
        .line_data,
        .line_valid,
        .line_ready,
        .outside,
        .error,
        .idle,
        .empty,
        .araddr(araddr[40*PORTS-1:0]),
        .arlen(arlen[8*PORTS-1:0]),
        .arvalid(arvalid[PORTS-1:0]),
        .arready(arready[PORTS-1:0]),
        .rdata(rdata[128*PORTS-1:0]),
        .rresp(rresp[2*PORTS-1:0]),
        .rlast(rlast[PORTS-1:0]),
        .rvalid(rvalid[PORTS-1:0]),
        .rready(rready[PORTS-1:0])
    );
endmodule
