/// A table that is loaded once and then read, by one process that is told what to do.
#include <ap_int.h>
#include <hls_stream.h>

struct Entry {
    ap_int<8> gain;
    ap_int<14> offset;
};

struct LookUpCommand {
    bool load;
    ap_uint<9> count;
};

void look_up(hls::stream<LookUpCommand>& commands, hls::stream<Entry>& entries,
             hls::stream<ap_uint<8>>& indices, hls::stream<ap_int<17>>& results) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    Entry table[256];
    #pragma HLS BIND_STORAGE variable=table type=ram_s2p impl=bram latency=2
    LookUpCommand command = {};
    ap_uint<9> done = 0;

entry:
    while (true) {
        #pragma HLS PIPELINE II=1
        if (done == command.count) {
            command = commands.read();
            done = 0;
        } else {
            if (command.load) {
                table[ap_uint<8>(done)] = entries.read();
            } else {
                const Entry entry = table[indices.read()];
                results.write(entry.gain * 3 + entry.offset);
            }
            ++done;
        }
    }
}
