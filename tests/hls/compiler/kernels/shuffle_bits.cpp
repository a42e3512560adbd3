/// Ranges, bits, concatenation, shifts by any amount, reductions and mixed-sign comparisons.
#include <ap_int.h>
#include <hls_stream.h>

void shuffle_bits(hls::stream<ap_uint<96>>& inputs, hls::stream<ap_uint<128>>& outputs) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    while (true) {
        #pragma HLS PIPELINE II=1
        const ap_uint<96> x = inputs.read();
        const ap_uint<20> a = x(19, 0);
        const ap_int<20> b = x.range(39, 20);
        const ap_uint<7> amount = x(46, 40);
        const ap_uint<5> position = x(51, 47);
        ap_uint<128> y = 0;
        y(19, 0) = a << amount;
        y(39, 20) = b >> amount;
        y[40] = x[position];
        y[41] = a.xor_reduce();
        y[42] = a.and_reduce() || a(3, 0).or_reduce();
        y[43] = a < b;
        y[44] = a == b;
        y[45] = ap_uint<40>(a) >= ap_int<20>(b);
        y(85, 46) = (a, b);
        ap_uint<32> word = x(95, 64);
        word.reverse();
        y(117, 86) = word;
        y.set_bit(118, b[19] ^ x[90]);
        outputs.write(y);
    }
}
