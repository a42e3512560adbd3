/// II = 2: one multiplier and one memory port serve two products of an iteration.
#include <ap_int.h>
#include <hls_stream.h>

struct Pair {
    ap_int<12> first, second;
};

void interval_two(hls::stream<ap_uint<5>>& indices, hls::stream<Pair>& pairs, ap_uint<10> count) {
    static const ap_int<12> kTable[32] = {5, -7, 100, 2047, -2048, 77, 31, -1};
    ap_int<12> previous = 1;

pair:
    for (ap_uint<10> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=2
        const ap_uint<5> index = indices.read();
        const ap_int<12> first = (kTable[index] * previous) >> 4;
        const ap_int<12> second = kTable[index ^ 1] + first;
        previous = second;
        pairs.write({first, second});
    }
}
