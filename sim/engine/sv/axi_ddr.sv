// A model of DDR memory behind AXI4 ports of 128 bits: READERS that read and one that writes.
//
// All ports share a bandwidth of `bandwidth` / `bandwidth_cycles` bytes per cycle, dealt beat by
// beat in turn: a beat is for the first port that can have one behind the port that had the last.
// So every port that is waiting gets the same share. When nothing was under way, the turn is the
// first port's, so that nothing in front of a program changes its number of cycles.
//
// The first beat of a burst comes `read_latency` cycles after its address at the earliest, the
// acknowledgement `write_latency` cycles after its last beat; up to OUTSTANDING bursts of a port
// are on their way. `stalls` / 256 is how often a handshake hesitates. Addresses outside the memory
// get a DECERR, beats within `failing_read` and `failing_write` (numbers of lines of 64 bytes) a
// SLVERR. What AXI4 forbids is reported as a fault. The bytes are in C++.
module axi_ddr #(
    parameter int READERS     = 1,
    parameter int OUTSTANDING = 16
) (
    input  logic                   clk,
    input  logic                   rst_n,
    input  longint unsigned        storage,  // for the C++ functions
    input  longint unsigned        base,     // address of the first byte
    input  longint unsigned        size,     // bytes
    input  longint unsigned        seed,
    input  int unsigned            read_latency,
    input  int unsigned            write_latency,
    input  int unsigned            bandwidth,
    input  int unsigned            bandwidth_cycles,
    input  int unsigned            stalls,
    input  longint                 failing_read,
    input  longint                 failing_write,

    input  logic [40*READERS-1:0]  araddr,
    input  logic [8*READERS-1:0]   arlen,
    input  logic [READERS-1:0]     arvalid,
    output logic [READERS-1:0]     arready,
    output logic [128*READERS-1:0] rdata,
    output logic [2*READERS-1:0]   rresp,
    output logic [READERS-1:0]     rlast,
    output logic [READERS-1:0]     rvalid,
    input  logic [READERS-1:0]     rready,
    input  logic [39:0]            awaddr,
    input  logic [7:0]             awlen,
    input  logic                   awvalid,
    output logic                   awready,
    input  logic [127:0]           wdata,
    input  logic [15:0]            wstrb,
    input  logic                   wlast,
    input  logic                   wvalid,
    output logic                   wready,
    output logic [1:0]             bresp,
    output logic                   bvalid,
    input  logic                   bready
);
    import "DPI-C" function void m3vit_ddr_read(
        input longint unsigned storage, input longint unsigned offset, output bit [127:0] data);
    import "DPI-C" function void m3vit_ddr_write(
        input longint unsigned storage, input longint unsigned offset,
        input bit [127:0] data, input shortint unsigned strobes);
    import "DPI-C" function void m3vit_ddr_fault(
        input longint unsigned storage, input longint unsigned address, input string what);

    localparam bit [1:0] Okay = 2'b00, SlaveError = 2'b10, DecodeError = 2'b11;

    // What a burst still has to do; queues are rings whose counts tell how full they are.
    typedef struct {
        longint unsigned address;  // of the next beat
        longint unsigned due;      // cycle
        int unsigned     beats;
    } burst_t;

    longint unsigned now;
    longint unsigned random;
    int              budget;  // bytes x bandwidth_cycles
    int unsigned     turn;    // port that may have the next beat; READERS: the one that writes

    burst_t          reads[READERS][OUTSTANDING];
    int unsigned     read_first[READERS];
    int unsigned     read_count[READERS];
    burst_t          writes[OUTSTANDING];  // whose beats are to come, or the acknowledgement
    bit [1:0]        write_answers[OUTSTANDING];
    int unsigned     write_first;  // the oldest unacknowledged
    int unsigned     write_now;    // whose beats come
    int unsigned     write_count;  // from write_first on
    int unsigned     write_open;   // from write_now on: beats to come

    logic [39:0]     held_araddr[READERS];
    logic [READERS-1:0] ar_held;
    logic [39:0]     held_awaddr;
    logic            aw_held;

    wire [31:0] price = 16 * bandwidth_cycles;

    function automatic bit hesitates();
        if (stalls == 0) return 1'b0;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return 32'(random[39:32]) < stalls;
    endfunction

    function automatic int unsigned after(input int unsigned place);
        return place == OUTSTANDING - 1 ? 0 : place + 1;
    endfunction

    function automatic bit inside_memory(input longint unsigned address);
        return address >= base && address + 16 <= base + size;
    endfunction

    function automatic bit [1:0] answer(input longint unsigned address, input longint failing);
        if (!inside_memory(address)) return DecodeError;
        if (failing >= 0 && (address - base) >> 6 == failing) return SlaveError;
        return Okay;
    endfunction

    function automatic void check_burst(input logic [39:0] address, input logic [7:0] length);
        if (13'(address[11:0]) + {1'b0, length, 4'd0} + 13'd16 > 13'd4096)
            m3vit_ddr_fault(storage, 64'(address), "a burst crosses 4 KiB");
    endfunction

    // Each returns whether a beat moves.
    function automatic bit read_port(input int unsigned port);
        bit [127:0] data;
        longint unsigned address;
        read_port = 1'b0;
        if (rvalid[port] && rready[port]) rvalid[port] <= 1'b0;
        if ((!rvalid[port] || rready[port]) && read_count[port] != 0 && budget >= int'(price)
            && now >= reads[port][read_first[port]].due && !hesitates()) begin
            address = reads[port][read_first[port]].address;
            data = {4{32'hdeadbeef}};
            if (inside_memory(address)) m3vit_ddr_read(storage, address - base, data);
            budget -= int'(price);
            read_port = 1'b1;
            rvalid[port] <= 1'b1;
            rdata[128*port+:128] <= data;
            rresp[2*port+:2] <= answer(address, failing_read);
            rlast[port] <= reads[port][read_first[port]].beats == 1;
            reads[port][read_first[port]].address = address + 16;
            reads[port][read_first[port]].beats -= 1;
            if (reads[port][read_first[port]].beats == 0) begin
                read_first[port] = after(read_first[port]);
                read_count[port] -= 1;
            end
        end
        if (ar_held[port] && (!arvalid[port] || araddr[40*port+:40] != held_araddr[port]))
            m3vit_ddr_fault(storage, 64'(held_araddr[port]), "a read was withdrawn");
        ar_held[port] <= arvalid[port] && !arready[port];
        held_araddr[port] <= araddr[40*port+:40];
        if (arvalid[port] && arready[port]) begin
            check_burst(araddr[40*port+:40], arlen[8*port+:8]);
            reads[port][(read_first[port]+read_count[port])%OUTSTANDING] = '{
                address: 64'(araddr[40*port+:40]),
                due: now + 64'(read_latency),
                beats: 32'(arlen[8*port+:8]) + 1
            };
            read_count[port] += 1;
        end
        arready[port] <= read_count[port] < OUTSTANDING && !hesitates();
    endfunction

    function automatic bit write_port();
        longint unsigned address;
        write_port = 1'b0;
        if (bvalid && bready) begin
            bvalid <= 1'b0;
            write_first = after(write_first);
            write_count -= 1;
        end
        if ((!bvalid || bready) && write_count > write_open && now >= writes[write_first].due
            && !hesitates()) begin
            bvalid <= 1'b1;
            bresp <= write_answers[write_first];
        end
        if (wvalid && wready) begin
            address = writes[write_now].address;
            if (answer(address, failing_write) != Okay)
                write_answers[write_now] = answer(address, failing_write);
            if (inside_memory(address))
                m3vit_ddr_write(storage, address - base, wdata, wstrb);
            if (wlast != (writes[write_now].beats == 1))
                m3vit_ddr_fault(storage, address, "wlast is wrong");
            writes[write_now].address = address + 16;
            writes[write_now].beats -= 1;
            if (writes[write_now].beats == 0) begin
                writes[write_now].due = now + 64'(write_latency);
                write_now = after(write_now);
                write_open -= 1;
            end
        end
        if (aw_held && (!awvalid || awaddr != held_awaddr))
            m3vit_ddr_fault(storage, 64'(held_awaddr), "a write was withdrawn");
        aw_held <= awvalid && !awready;
        held_awaddr <= awaddr;
        if (awvalid && awready) begin
            check_burst(awaddr, awlen);
            writes[(write_first+write_count)%OUTSTANDING] = '{
                address: 64'(awaddr), due: 0, beats: 32'(awlen) + 1
            };
            write_answers[(write_first+write_count)%OUTSTANDING] = Okay;
            write_count += 1;
            write_open += 1;
        end
        awready <= write_count < OUTSTANDING && !hesitates();
        // A beat is paid for when it is allowed; one that does not come stays paid.
        if ((!wready || wvalid) && write_open != 0 && budget >= int'(price) && !hesitates()) begin
            budget -= int'(price);
            write_port = 1'b1;
            wready <= 1'b1;
        end else if (wvalid) wready <= 1'b0;
    endfunction

    always_ff @(posedge clk) begin
        automatic int unsigned first;
        automatic int unsigned port;
        automatic bit under_way;
        if (!rst_n) begin
            now         <= '0;
            random      = seed | 64'd1;
            budget      = 0;
            turn        = 0;
            write_first = 0;
            write_now   = 0;
            write_count = 0;
            write_open  = 0;
            arready     <= '0;
            rvalid      <= '0;
            awready     <= 1'b0;
            wready      <= 1'b0;
            bvalid      <= 1'b0;
            ar_held     <= '0;
            aw_held     <= 1'b0;
            for (int unsigned port = 0; port < READERS; port++) begin
                read_first[port] = 0;
                read_count[port] = 0;
            end
        end else begin
            now <= now + 1;
            // What a cycle leaves over is kept for a few.
            budget += int'(bandwidth);
            if (budget > int'(bandwidth + 8 * price)) budget = int'(bandwidth + 8 * price);
            first = turn;
            under_way = write_count != 0;
            for (int unsigned k = 0; k <= READERS; k++) begin
                port = (first + k) % (READERS + 1);
                if (port == READERS) begin
                    if (write_port()) turn = 0;
                end else begin
                    if (read_port(port)) turn = port + 1;
                    if (read_count[port] != 0) under_way = 1'b1;
                end
            end
            if (!under_way) turn = 0;
        end
    end
endmodule
