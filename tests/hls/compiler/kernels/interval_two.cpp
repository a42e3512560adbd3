/// II = 2: two look-ups and two products in an iteration, and a long way from it to the next one.
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
        const ap_int<12> first = (kTable[index] * i) >> 4;
        const ap_int<12> second = kTable[index ^ 1] * kTable[31 - index];
        previous = (previous > first ? ap_int<12>(previous - first) : first) ^ second;
        pairs.write({first, previous});
    }
}
