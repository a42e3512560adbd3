// The protocol of an AXI4-Lite slave in front of 32-bit registers.
//
// Address and data of a write come in any order; the write happens once both are there. Every
// address is answered with OKAY. The registers see word addresses: for one cycle `write_enable`,
// and `read_enable` in the cycle that takes the contents of `read_data`.
module axilite_slave #(
    parameter int ADDRESS_BITS = 6
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic [ADDRESS_BITS-1:0] awaddr,
    input  logic                    awvalid,
    output logic                    awready,
    input  logic [31:0]             wdata,
    input  logic [3:0]              wstrb,
    input  logic                    wvalid,
    output logic                    wready,
    output logic [1:0]              bresp,
    output logic                    bvalid,
    input  logic                    bready,
    input  logic [ADDRESS_BITS-1:0] araddr,
    input  logic                    arvalid,
    output logic                    arready,
    output logic [31:0]             rdata,
    output logic [1:0]              rresp,
    output logic                    rvalid,
    input  logic                    rready,

    output logic                    write_enable,
    output logic [ADDRESS_BITS-3:0] write_address,
    output logic [31:0]             write_data,
    output logic [31:0]             write_mask,
    output logic                    read_enable,
    output logic [ADDRESS_BITS-3:0] read_address,
    input  logic [31:0]             read_data
);
    logic has_address;
    logic has_data;

    assign awready = !has_address;
    assign wready = !has_data;
    assign write_enable = has_address && has_data && !bvalid;
    assign bresp = 2'b00;

    always_ff @(posedge clk) begin
        if (awvalid && awready) write_address <= awaddr[ADDRESS_BITS-1:2];
        if (wvalid && wready) begin
            write_data <= wdata;
            write_mask <= {{8{wstrb[3]}}, {8{wstrb[2]}}, {8{wstrb[1]}}, {8{wstrb[0]}}};
        end
        if (!rst_n) begin
            has_address <= 1'b0;
            has_data    <= 1'b0;
            bvalid      <= 1'b0;
        end else begin
            has_address <= has_address ? !write_enable : awvalid;
            has_data    <= has_data ? !write_enable : wvalid;
            bvalid      <= bvalid ? !bready : write_enable;
        end
    end

    assign arready = !rvalid;
    assign read_enable = arvalid && arready;
    assign read_address = araddr[ADDRESS_BITS-1:2];
    assign rresp = 2'b00;

    always_ff @(posedge clk) begin
        if (read_enable) rdata <= read_data;
        rvalid <= rst_n && (rvalid ? !rready : arvalid);
    end

    // The lowest two bits select bytes, which the strobes do here.
    wire unused = &{1'b0, awaddr[1:0], araddr[1:0]};
endmodule
