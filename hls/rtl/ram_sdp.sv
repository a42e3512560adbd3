// A memory with one write port and one read port; both work in every cycle.
//
// Reading an address in the cycle that writes it gives the old word. LATENCY is the number of
// clock edges from `read_address` to `read_data`; 0 reads asynchronously, which only "distributed"
// memory (LUTRAM) can do. Contents start undefined and no reset touches them.
module ram_sdp #(
    parameter int WIDTH   = 8,
    parameter int DEPTH   = 16,
    parameter     STYLE   = "block",  // "distributed", "block" or "ultra"
    parameter int LATENCY = 1,
    localparam int AddressBits = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic                   clk,
    input  logic                   write_enable,
    input  logic [AddressBits-1:0] write_address,
    input  logic [WIDTH-1:0]       write_data,
    input  logic [AddressBits-1:0] read_address,
    output logic [WIDTH-1:0]       read_data
);
    (* ram_style = STYLE *) logic [WIDTH-1:0] memory[DEPTH];

    always_ff @(posedge clk) begin
        if (write_enable) memory[write_address] <= write_data;
    end

    if (LATENCY == 0 && 88'(STYLE) != "distributed") begin : refused
        $error("only distributed memory can be read asynchronously");
    end

    if (LATENCY == 0) begin : asynchronous
        assign read_data = memory[read_address];
    end else begin : synchronous
        // The lowest word is the memory's own register; the others are output registers behind it.
        logic [LATENCY*WIDTH-1:0] read_pipeline;

        always_ff @(posedge clk) begin
            read_pipeline <= (LATENCY * WIDTH)'({read_pipeline, memory[read_address]});
        end

        assign read_data = read_pipeline[(LATENCY-1)*WIDTH+:WIDTH];
    end
endmodule
