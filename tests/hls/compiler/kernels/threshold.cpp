/// AXI4-Lite registers and ap_ctrl_hs; the condition of the write is known late.
#include <ap_int.h>
#include <hls_stream.h>

struct Limits {
    ap_int<32> low, high;
};

void threshold(hls::stream<ap_int<16>>& values, hls::stream<ap_int<32>>& squares, ap_uint<16> count,
               Limits limits) {
    #pragma HLS INTERFACE mode=axis port=values
    #pragma HLS INTERFACE mode=axis port=squares
    #pragma HLS INTERFACE mode=s_axilite port=count bundle=control
    #pragma HLS INTERFACE mode=s_axilite port=limits bundle=control
    #pragma HLS INTERFACE mode=s_axilite port=return bundle=control

value:
    for (ap_uint<16> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=1
        const ap_int<16> x = values.read();
        const ap_int<32> square = x * x;
        if (square >= limits.low && square < limits.high) squares.write(square);
    }
}
