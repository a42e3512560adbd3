/// A counted loop with scalars, a table and saturation.
#include <ap_int.h>
#include <hls_stream.h>

static const short kOffsets[8] = {0, 3, -5, 100, -100, 7};

void scale(hls::stream<ap_int<16>>& values, hls::stream<ap_int<8>>& codes, ap_uint<12> count,
           short factor) {
    #pragma HLS INTERFACE mode=axis port=values
    #pragma HLS INTERFACE mode=axis port=codes

value:
    for (ap_uint<12> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=1
        const ap_int<16> x = values.read();
        ap_int<33> y = (x * factor + kOffsets[i & 7]) >> 6;
        if (y > 127) y = 127;
        if (y < -128) y = -128;
        codes.write(y);
    }
}
