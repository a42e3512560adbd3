/// Rings in LUT RAM: the old word leaves as the new one enters, one ring per lane.
#include <ap_int.h>
#include <hls_stream.h>

struct Lanes {
    ap_int<10> lane[4];
};

void delay_line(hls::stream<Lanes>& inputs, hls::stream<Lanes>& outputs) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    static ap_int<10> rings[4][32];
    #pragma HLS ARRAY_PARTITION variable=rings complete dim=1
    #pragma HLS BIND_STORAGE variable=rings type=ram_s2p impl=lutram
    ap_uint<5> position = 0;

word:
    while (true) {
        #pragma HLS PIPELINE II=1
        const Lanes in = inputs.read();
        Lanes out;
        for (int lane = 0; lane < 4; ++lane) {
            #pragma HLS UNROLL
            out.lane[lane] = rings[lane][position];
            rings[lane][position] = in.lane[lane];
        }
        ++position;
        outputs.write(out);
    }
}
