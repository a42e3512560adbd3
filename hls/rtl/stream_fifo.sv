// A queue of DEPTH words (at least 2): one word in and one word out in every cycle.
//
// `in_ready` and `out_valid` are registers, so that no path leads from one side's handshake to
// the other's. A word comes out 1 cycle after it went in, from block RAM 2 cycles. Short or small
// queues are LUTRAM: `out_data` is then an asynchronous read behind the read pointer.
module stream_fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic [WIDTH-1:0] in_data,
    input  logic             in_valid,
    output logic             in_ready,
    output logic [WIDTH-1:0] out_data,
    output logic             out_valid,
    input  logic             out_ready
);
    localparam int PointerBits = $clog2(DEPTH);
    localparam int CountBits = $clog2(DEPTH + 1);
    localparam bit Lutram = DEPTH <= 64 || WIDTH * DEPTH <= 4096;

    logic [PointerBits-1:0] write_pointer;
    logic [PointerBits-1:0] read_pointer;
    logic [PointerBits-1:0] next_read_pointer;
    logic [CountBits-1:0]   count;       // words inside
    logic [CountBits-1:0]   count_kept;  // of them, those that stay in this cycle
    logic [CountBits-1:0]   next_count;

    if (DEPTH < 2) begin : refused
        $error("a queue of one word cannot pass one in every cycle");
    end

    wire push = in_valid && in_ready;
    wire pop = out_valid && out_ready;

    function automatic [PointerBits-1:0] successor(input [PointerBits-1:0] pointer);
        successor = pointer == PointerBits'(DEPTH - 1) ? '0 : pointer + 1'b1;
    endfunction

    assign next_read_pointer = pop ? successor(read_pointer) : read_pointer;
    assign count_kept = count - CountBits'(pop);
    assign next_count = count_kept + CountBits'(push);

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            write_pointer <= '0;
            read_pointer  <= '0;
            count         <= '0;
            in_ready      <= 1'b0;
            out_valid     <= 1'b0;
        end else begin
            if (push) write_pointer <= successor(write_pointer);
            read_pointer <= next_read_pointer;
            count        <= next_count;
            in_ready     <= next_count != CountBits'(DEPTH);
            // Block RAM cannot yet read the word that this cycle writes.
            out_valid    <= (Lutram ? next_count : count_kept) != '0;
        end
    end

    if (Lutram) begin : lutram
        ram_sdp #(.WIDTH(WIDTH), .DEPTH(DEPTH), .STYLE("distributed"), .LATENCY(0)) words (
            .clk(clk),
            .write_enable(push),
            .write_address(write_pointer),
            .write_data(in_data),
            .read_address(read_pointer),
            .read_data(out_data)
        );
    end else begin : block_ram
        ram_sdp #(.WIDTH(WIDTH), .DEPTH(DEPTH), .STYLE("block"), .LATENCY(1)) words (
            .clk(clk),
            .write_enable(push),
            .write_address(write_pointer),
            .write_data(in_data),
            .read_address(next_read_pointer),
            .read_data(out_data)
        );
    end
endmodule
