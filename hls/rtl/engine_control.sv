// Runs a program on the core: fetches it, waits for its end, and clears up after an error.
//
// `start` begins, when `running` is low. The core gets the instructions up to the first END and no
// more. A program that ends well is done once the memory has acknowledged everything. After an
// error no burst leaves any more (`drain`); when the memory owes nothing, core and AXI engines are
// reset and the next program may start. `code` is the first error, as in docs/isa.md.
module engine_control #(
    parameter bit [3:0] END_OPCODE = 4'd2
) (
    input  logic         clk,
    input  logic         rst_n,
    input  logic         start,
    input  logic [15:0]  instructions,  // of the program
    input  logic [31:0]  stall_limit,   // cycles without activity, 0: none
    input  logic [31:0]  cycle_limit,   // cycles of a program, 0: none
    output logic         running,
    output logic         done,      // from the end of a program to the next start
    output logic         drain,
    output logic [7:0]   code,      // of the last program
    output logic [15:0]  position,  // of the instruction: what the core says, else what it has got

    output logic         fetch_valid,  // request of the whole program
    input  logic         fetch_ready,
    input  logic [127:0] fetched_data,
    input  logic         fetched_valid,
    output logic         fetched_ready,

    output logic         core_rst_n,  // of the AXI engines too
    output logic [127:0] program_data,
    output logic         program_valid,
    input  logic         program_ready,
    input  logic [23:0]  ending_data,  // position, code
    input  logic         ending_valid,
    output logic         ending_ready,

    input  logic         activity,     // something moves: a block, a beat, a burst
    input  logic         outside,      // a burst would leave the arena
    input  logic         read_error,   // the memory answered so
    input  logic         write_error,
    input  logic         memory_idle,  // the memory owes nothing
    input  logic         memory_empty  // nor is anything waiting in the AXI engines
);
    localparam bit [7:0] Outside = 8'd16, ReadError = 8'd17, WriteError = 8'd18, Stalled = 8'd19,
                         TooLong = 8'd20, NoEnd = 8'd21;

    typedef enum logic [2:0] {
        Idle,
        Fetch,   // the request waits
        Run,
        Finish,  // the program has ended, beats are on their way
        Drain,
        Reset
    } state_t;

    state_t      state;
    logic [3:0]  reset_cycles;
    logic [16:0] beats_given;  // two are an instruction
    logic        is_end;       // the instruction whose first half was given last
    logic        end_given;
    logic        exhausted;    // the last instruction was given and is none
    logic [31:0] cycles;
    logic [31:0] quiet_cycles;

    wire given = program_valid && program_ready;
    wire stalled = stall_limit != '0 && quiet_cycles >= stall_limit;
    wire too_long = cycle_limit != '0 && cycles >= cycle_limit;

    assign running = state != Idle;
    assign drain = state == Drain || state == Reset;
    assign fetch_valid = state == Fetch;
    assign ending_ready = 1'b1;

    // Behind END nothing reaches the core; what was fetched in vain is dropped.
    assign program_data = fetched_data;
    assign program_valid = fetched_valid && state == Run && !end_given && !exhausted;
    assign fetched_ready = end_given || (state == Run && !exhausted && program_ready);

    logic       fault;
    logic [7:0] fault_code;

    always_comb begin
        fault = 1'b1;
        if (outside) fault_code = Outside;
        else if (read_error) fault_code = ReadError;
        else if (write_error) fault_code = WriteError;
        else if (exhausted) fault_code = NoEnd;
        else if (stalled) fault_code = Stalled;
        else if (too_long) fault_code = TooLong;
        else begin
            fault = 1'b0;
            fault_code = '0;
        end
    end

    always_ff @(posedge clk) begin
        core_rst_n <= rst_n && state != Reset;
        if (!rst_n) begin
            state    <= Idle;
            done     <= 1'b0;
            code     <= '0;
            position <= '0;
        end else begin
            case (state)
                Idle:
                if (start) begin
                    state    <= instructions == '0 ? Run : Fetch;
                    done     <= 1'b0;
                    code     <= '0;
                    position <= '0;
                end
                Fetch: if (fetch_ready) state <= Run;
                Run, Finish:
                if (ending_valid && state == Run && ending_data[7:0] != '0) begin
                    state    <= Drain;
                    code     <= ending_data[7:0];
                    position <= ending_data[23:8];
                end else if (fault) begin
                    state    <= Drain;
                    code     <= fault_code;
                    position <= beats_given[16:1];
                end else if (state == Run) begin
                    if (ending_valid) begin
                        state    <= Finish;
                        position <= ending_data[23:8];
                    end
                end else if (memory_empty) begin
                    state <= Idle;
                    done  <= 1'b1;
                end
                Drain: if (memory_idle) state <= Reset;
                Reset:
                if (reset_cycles == '1) begin
                    state <= Idle;
                    done  <= 1'b1;
                end
                default: state <= Idle;
            endcase
        end

        reset_cycles <= state == Reset ? reset_cycles + 1'b1 : '0;
        if (given && !beats_given[0]) is_end <= program_data[3:0] == END_OPCODE;
        if (!rst_n || (state == Idle && start)) begin
            beats_given  <= '0;
            end_given    <= 1'b0;
            exhausted    <= 1'b0;
            cycles       <= '0;
            quiet_cycles <= '0;
        end else begin
            beats_given  <= beats_given + 17'(given);
            end_given    <= end_given || (given && beats_given[0] && is_end);
            exhausted    <= state == Run && !end_given && beats_given == {instructions, 1'b0};
            cycles       <= cycles + 1'b1;
            quiet_cycles <= activity ? '0 : quiet_cycles + 1'b1;
        end
    end
endmodule
