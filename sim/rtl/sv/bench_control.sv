// Starts the design under test, knows when all is said, and gives up on a design that is stuck.
//
// `<run>/<FOLDER>bench.settings` holds: calls (how often a design with ap_start is started), limit
// (cycles), patience (cycles without a beat after which the design counts as stuck), quiet (cycles
// without a beat after which gates of mode 3 open) and drain (cycles without a beat that end a
// complete run: nothing surplus comes). `<run>/<FOLDER>report` starts with status and cycle.
module bench_control #(
    parameter string FOLDER    = "",
    parameter bit    HANDSHAKE = 1'b0
) (
    input  logic clk,
    input  logic rst_n,
    input  logic moved,
    input  logic sources_finished,
    input  logic sinks_satisfied,
    output logic ap_start,
    input  logic ap_ready,
    input  logic ap_done,
    output int   cycle,
    output logic quiet,
    output logic ending,
    output int   report,
    output logic finished
);
    string folder;
    int    settings;
    int    calls, limit, patience, quiet_after, drain;
    int    idle, starts, dones, done_cycle;

    wire complete = sinks_satisfied && (HANDSHAKE ? dones == calls : sources_finished);
    wire silent = idle >= drain;
    wire stuck = idle >= patience;
    wire late = cycle >= limit;

    initial begin
        if (!$value$plusargs("run=%s", folder)) $fatal(1, "+run=<directory> is missing");
        settings = $fopen({folder, "/", FOLDER, "bench.settings"}, "r");
        if ($fscanf(settings, "%d %d %d %d %d", calls, limit, patience, quiet_after, drain) != 5)
            $fatal(1, "no bench.settings");
        $fclose(settings);
        report = $fopen({folder, "/", FOLDER, "report"}, "w");
    end

    assign ap_start = rst_n && starts < calls;
    assign quiet = idle >= quiet_after;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            cycle      <= 0;
            idle       <= 0;
            starts     <= 0;
            dones      <= 0;
            done_cycle <= -1;
            ending     <= 1'b0;
            finished   <= 1'b0;
        end else begin
            cycle  <= cycle + 1;
            idle   <= moved ? 0 : idle + 1;
            starts <= starts + int'(ap_start && ap_ready);
            if (HANDSHAKE && ap_done) begin
                dones      <= dones + 1;
                done_cycle <= cycle;
                idle       <= 0;
            end
            if (!ending && !finished && (complete ? silent || late : stuck || late)) begin
                ending <= 1'b1;
                $fwrite(report, "%s %0d %0d %0d\n", complete ? "complete" : late ? "late" : "stuck",
                        cycle, dones, done_cycle);
            end
            if (ending) begin
                ending   <= 1'b0;
                finished <= 1'b1;
            end
            if (finished) $fflush(report);
        end
    end
endmodule
