/// Of every row: what its sum gained on the row before, then steps from a value of the row before.
/// In the first row neither `total_before` nor `last` is set, and neither is used.
#include <ap_int.h>
#include <hls_stream.h>

void changes(hls::stream<ap_int<16>>& values, hls::stream<ap_int<24>>& gains, ap_uint<8> rows) {
    ap_int<16> buffer[8];
    ap_int<24> total_before;
    ap_int<16> last;

row:
    for (ap_uint<8> row = 0; row < rows; ++row) {
        ap_int<24> total = 0;

    fill:
        for (ap_uint<4> column = 0; column < 8; ++column) {
            #pragma HLS PIPELINE II=1
            const ap_int<16> value = values.read();
            buffer[column] = value;
            total += value;
        }
        gains.write(row == 0 ? total : ap_int<24>(total - total_before));
        total_before = total;

    drain:
        for (ap_uint<4> column = 0; column < 8; ++column) {
            #pragma HLS PIPELINE II=1
            const ap_int<16> value = buffer[column];
            gains.write(row == 0 && column == 0 ? value : ap_int<16>(value - last));
            last = value ^ ap_int<16>(total);
        }
    }
}
