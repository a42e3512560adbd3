/// ap_fixed in several rounding and overflow modes, in a struct that travels packed.
#include <ap_fixed.h>
#include <hls_stream.h>

using Input = ap_fixed<18, 6>;

struct Rounded {
    ap_fixed<9, 5, AP_RND, AP_SAT> half_up;
    ap_fixed<9, 5, AP_RND_CONV, AP_SAT_SYM> half_even;
    ap_fixed<9, 5, AP_TRN_ZERO, AP_WRAP> to_zero;
    ap_ufixed<8, 4, AP_RND_MIN_INF, AP_SAT_ZERO> magnitude;
    bool negative;
};

void round_fixed(hls::stream<Input>& inputs, hls::stream<Rounded>& outputs) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    while (true) {
        #pragma HLS PIPELINE II=1
        const Input x = inputs.read();
        Rounded y;
        y.half_up = x * Input(1.5);
        y.half_even = x - Input(0.25);
        y.to_zero = x;
        y.magnitude = x < 0 ? Input(-x) : x;
        y.negative = x < 0;
        outputs.write(y);
    }
}
