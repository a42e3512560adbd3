/// Cyclic, block and complete partitions: a block of 64 numbers is read four at a time.
#include <ap_int.h>
#include <hls_stream.h>

void banks(hls::stream<ap_int<9>>& numbers, hls::stream<ap_int<14>>& sums, unsigned char blocks) {
    ap_int<9> cyclic[64];
    #pragma HLS ARRAY_PARTITION variable=cyclic type=cyclic factor=4
    ap_int<9> halves[64];
    #pragma HLS ARRAY_PARTITION variable=halves type=block factor=2 dim=1
    ap_int<9> weights[4];
    #pragma HLS ARRAY_PARTITION variable=weights complete

block:
    for (unsigned char b = 0; b < blocks; ++b) {
    fill:
        for (ap_uint<7> i = 0; i < 64; ++i) {
            #pragma HLS PIPELINE II=1
            const ap_int<9> x = numbers.read();
            cyclic[i] = x;
            halves[i] = ~x;
            weights[i & 3] = x >> 5;
        }

    drain:
        for (ap_uint<5> i = 0; i < 16; ++i) {
            #pragma HLS PIPELINE II=1
            ap_int<14> sum = halves[i] - halves[i + 32];
            for (int j = 0; j < 4; ++j) {
                #pragma HLS UNROLL
                sum += cyclic[4 * i + j] + weights[j];
            }
            sums.write(sum);
        }
    }
}
