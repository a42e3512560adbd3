/// A module whose result is always negative: the compiler knows its range, and not that it is one
/// number.
#include <ap_int.h>
#include <hls_stream.h>

struct Marked {
    ap_int<14> marked;
    ap_uint<8> number;
};

void MinusTwo(ap_uint<1>& one, ap_int<14>& result) {
    #pragma HLS INLINE off
    one = 1;
    result = ~ap_uint<20>(1);
}

void negative_result(hls::stream<ap_int<14>>& values, hls::stream<Marked>& marks) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    while (true) {
        #pragma HLS PIPELINE II=1
        ap_uint<1> one;
        ap_int<14> result;
        MinusTwo(one, result);
        Marked mark;
        const ap_int<14> value = values.read();
        mark.marked = result;
        mark.marked[6] = value < one;
        mark.number = value;
        marks.write(mark);
    }
}
