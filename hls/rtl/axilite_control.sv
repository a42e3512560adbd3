// The four control registers of Vitis HLS, which start a function and report its end.
//
// word 0, CTRL: bit 0 ap_start (set by writing 1, cleared when the function took it), 1 ap_done
//   (cleared by reading), 2 ap_idle, 3 ap_ready (cleared by reading), 7 auto_restart, 9 irq
// word 1, GIE: bit 0 lets `irq` out
// word 2, IER: bit 0 ap_done, bit 1 ap_ready may interrupt
// word 3, ISR: bit 0 ap_done, bit 1 ap_ready did (cleared by reading)
module axilite_control (
    input  logic        clk,
    input  logic        rst_n,
    input  logic        write_enable,
    input  logic [1:0]  write_address,
    input  logic [31:0] write_data,
    input  logic [31:0] write_mask,
    input  logic        read_enable,
    input  logic [1:0]  read_address,
    output logic [31:0] read_data,

    output logic        ap_start,
    input  logic        ap_done,
    input  logic        ap_idle,
    input  logic        ap_ready,
    output logic        irq
);
    localparam bit [1:0] Ctrl = 2'd0, Gie = 2'd1, Ier = 2'd2, Isr = 2'd3;

    logic       done;
    logic       ready;
    logic       auto_restart;
    logic       global_enable;
    logic [1:0] enable;
    logic [1:0] status;

    // All bits that can be written are in the lowest byte.
    wire write = write_enable && write_mask[0];
    wire [1:0] events = {ap_ready, ap_done};
    wire [7:0] status_byte = {auto_restart, 3'd0, ready, ap_idle, done, ap_start};

    assign irq = global_enable && |status;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            ap_start      <= 1'b0;
            done          <= 1'b0;
            ready         <= 1'b0;
            auto_restart  <= 1'b0;
            global_enable <= 1'b0;
            enable        <= '0;
            status        <= '0;
        end else begin
            if (write && write_address == Ctrl && write_data[0]) ap_start <= 1'b1;
            else if (ap_ready) ap_start <= auto_restart;
            if (write && write_address == Ctrl) auto_restart <= write_data[7];
            if (write && write_address == Gie) global_enable <= write_data[0];
            if (write && write_address == Ier) enable <= write_data[1:0];
            // What happens in the cycle of the read that clears it is kept.
            if (read_enable && read_address == Ctrl) {ready, done} <= events;
            else {ready, done} <= {ready, done} | events;
            if (read_enable && read_address == Isr) status <= events & enable;
            else status <= status | (events & enable);
        end
    end

    always_comb begin
        case (read_address)
            Ctrl: read_data = {22'd0, irq, 1'b0, status_byte};
            Gie: read_data = 32'(global_enable);
            Ier: read_data = 32'(enable);
            default: read_data = 32'(status);
        endcase
    end

    wire unused = &{1'b0, write_mask[31:1], write_data[31:8], write_data[6:2]};
endmodule
