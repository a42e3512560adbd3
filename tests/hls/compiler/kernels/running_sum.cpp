/// Commands, state in registers and in a static variable; a result every so often.
#include <ap_int.h>
#include <hls_stream.h>

struct SumCommand {
    ap_uint<10> count;
    ap_int<6> bias;
    bool negate;
};

struct Total {
    ap_int<24> sum;
    ap_uint<16> serial;
};

void running_sum(hls::stream<SumCommand>& commands, hls::stream<ap_int<12>>& values,
                 hls::stream<Total>& totals) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    static ap_uint<16> serial = 40;
    SumCommand command = {};
    ap_uint<10> left = 0;
    ap_int<24> sum = 0;

value:
    while (true) {
        #pragma HLS PIPELINE II=1
        if (left == 0) {
            command = commands.read();
            left = command.count;
            sum = command.bias;
        }
        const ap_int<12> x = values.read();
        sum += command.negate ? ap_int<13>(-x) : ap_int<13>(x);
        --left;
        if (left == 0) {
            totals.write({sum, serial});
            ++serial;
        }
    }
}
