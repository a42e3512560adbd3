// Plays the beats of `<run>/<FOLDER><NAME>.beats` into a stream; random data between them.
//
// The file holds one big-endian number of whole bytes per beat; `<NAME>.gate` holds mode, first,
// second and seed of the stall gate. At the end a line of the report says how far it came.
module stream_source #(
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
    output logic             finished,
    output logic [WIDTH-1:0] data,
    output logic             valid,
    input  logic             ready
);
    localparam int Bytes = (WIDTH + 7) / 8;
    localparam int Words = (WIDTH + 31) / 32;

    string            folder;
    int               beats_file;
    int               gate_file;
    int               mode, first, second, seed;
    logic             open;
    logic [WIDTH-1:0] word;       // of the next beat
    logic             waiting;    // there is a next beat
    logic [31:0]      noise;
    int               beats, first_cycle, last_cycle;

    function automatic void fetch();
        waiting = $fread(word, beats_file) == Bytes;
    endfunction

    initial begin
        if (!$value$plusargs("run=%s", folder)) $fatal(1, "+run=<directory> is missing");
        gate_file = $fopen({folder, "/", FOLDER, NAME, ".gate"}, "r");
        if ($fscanf(gate_file, "%d %d %d %d", mode, first, second, seed) != 4)
            $fatal(1, "no gate of %s", NAME);
        $fclose(gate_file);
        beats_file = $fopen({folder, "/", FOLDER, NAME, ".beats"}, "rb");
        if (beats_file == 0) $fatal(1, "no beats of %s", NAME);
        fetch();
    end

    stall_gate gate (.*);

    assign moved = valid && ready;
    assign finished = !waiting && !valid;

    always_ff @(posedge clk) begin
        noise <= noise * 32'd1664525 + 32'd1013904223;
        if (!rst_n) begin
            valid <= 1'b0;
            beats <= 0;
            first_cycle <= -1;
            last_cycle <= -1;
        end else begin
            if (moved) begin
                if (beats == 0) first_cycle <= cycle;
                last_cycle <= cycle;
                beats <= beats + 1;
            end
            if (moved || !valid) begin
                valid <= waiting && open;
                data  <= waiting && open ? word : WIDTH'({Words{noise}});
                if (waiting && open) fetch();
            end
        end
        if (rst_n && ending)
            $fwrite(report, "source %s %0d %0d %0d %b%b %0d %0d\n", NAME, beats, first_cycle,
                    last_cycle, valid, ready, -1, -1);
    end
endmodule
