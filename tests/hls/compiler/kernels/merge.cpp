/// Two inputs merged as they come, without waiting for either; exclusive accesses to one stream.
#include <ap_int.h>
#include <hls_stream.h>

struct Tagged {
    ap_uint<1> source;
    ap_uint<8> value;
};

void merge(hls::stream<ap_uint<8>>& first, hls::stream<ap_uint<8>>& second,
           hls::stream<Tagged>& merged) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    bool turn = false;

    while (true) {
        #pragma HLS PIPELINE II=1
        const bool has_first = !first.empty(), has_second = !second.empty();
        if (!merged.full()) {
            if (has_first && !(turn && has_second)) {
                merged.write({0, first.read()});
                turn = true;
            } else if (has_second) {
                merged.write({1, second.read()});
                turn = false;
            }
        }
    }
}
