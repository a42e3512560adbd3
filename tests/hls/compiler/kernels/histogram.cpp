/// A read-modify-write of a memory with forwarding: bins are counted, then sent and cleared.
#include <ap_int.h>
#include <hls_stream.h>

void histogram(hls::stream<ap_uint<6>>& bins, hls::stream<ap_uint<20>>& counts, ap_uint<16> count) {
    ap_uint<20> table[64];
    #pragma HLS BIND_STORAGE variable=table type=ram_s2p impl=bram

clear:
    for (int i = 0; i < 64; ++i) {
        #pragma HLS PIPELINE II=1
        table[i] = 0;
    }
    ap_uint<6> last_bin = 0;
    ap_uint<20> last_count = 0;

bin:
    for (ap_uint<16> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=2
        #pragma HLS DEPENDENCE variable=table type=inter dependent=false
        const ap_uint<6> bin = bins.read();
        const ap_uint<20> old = bin == last_bin ? last_count : table[bin];
        last_bin = bin;
        last_count = old + 1;
        table[bin] = last_count;
    }

total:
    for (int i = 0; i < 64; ++i) {
        #pragma HLS PIPELINE II=1
        counts.write(table[i]);
    }
}
