// Takes a stream and writes its beats to `<run>/<FOLDER><NAME>.beats`.
//
// A beat is 32-bit words in the machine's order: the cycle, then the data. `<NAME>.gate` holds
// mode, first, second and seed of the stall gate, whether to be ready only when there is a beat,
// and the number of beats to wait for. It watches that a beat offered stays until it is taken.
module stream_sink #(
    parameter int    WIDTH  = 8,
    parameter string FOLDER = "",
    parameter string NAME   = ""
) (
    input  logic             clk,
    input  logic             rst_n,
    input  int               cycle,
    input  logic             quiet,
    input  logic             ending,
    input  int               report,
    output logic             moved,
    output logic             satisfied,
    input  logic [WIDTH-1:0] data,
    input  logic             valid,
    output logic             ready
);
    localparam int Words = (WIDTH + 31) / 32;

    string            folder;
    int               beats_file;
    int               gate_file;
    int               mode, first, second, seed, after_valid, expected;
    logic             open;
    logic             offered;    // in the last cycle, and not taken
    logic [WIDTH-1:0] offer;
    int               beats, first_cycle, last_cycle, withdrawn_cycle, changed_cycle;

    initial begin
        if (!$value$plusargs("run=%s", folder)) $fatal(1, "+run=<directory> is missing");
        gate_file = $fopen({folder, "/", FOLDER, NAME, ".gate"}, "r");
        if ($fscanf(gate_file, "%d %d %d %d %d %d", mode, first, second, seed, after_valid,
                    expected) != 6)
            $fatal(1, "no gate of %s", NAME);
        $fclose(gate_file);
        beats_file = $fopen({folder, "/", FOLDER, NAME, ".beats"}, "wb");
        if (beats_file == 0) $fatal(1, "cannot write the beats of %s", NAME);
    end

    stall_gate gate (.*);

    assign ready = open && (valid || after_valid == 0);
    assign moved = valid && ready;
    assign satisfied = beats >= expected;

    always_ff @(posedge clk) begin
        offered <= valid && !ready;
        offer   <= data;
        if (!rst_n) begin
            offered         <= 1'b0;
            beats           <= 0;
            first_cycle     <= -1;
            last_cycle      <= -1;
            withdrawn_cycle <= -1;
            changed_cycle   <= -1;
        end else begin
            if (moved) begin
                $fwrite(beats_file, "%u", {(32 * Words)'(data), cycle});
                if (beats == 0) first_cycle <= cycle;
                last_cycle <= cycle;
                beats <= beats + 1;
            end
            if (offered && !valid && withdrawn_cycle < 0) withdrawn_cycle <= cycle;
            if (offered && valid && offer != data && changed_cycle < 0) changed_cycle <= cycle;
        end
        if (rst_n && ending) begin
            $fwrite(report, "sink %s %0d %0d %0d %b%b %0d %0d\n", NAME, beats, first_cycle,
                    last_cycle, valid, ready, withdrawn_cycle, changed_cycle);
            $fclose(beats_file);
        end
    end
endmodule
