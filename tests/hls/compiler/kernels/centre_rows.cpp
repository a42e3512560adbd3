/// A plain loop around two pipelined ones: a row's mean, then the row without it.
#include <ap_int.h>
#include <hls_stream.h>

void centre_rows(hls::stream<ap_int<8>>& values, hls::stream<ap_int<9>>& centred, ap_uint<7> width,
                 ap_uint<8> rows, ap_uint<10> reciprocal) {
    ap_int<8> row[64];

row:
    for (ap_uint<8> r = 0; r < rows; ++r) {
        ap_int<15> sum = 0;

    add:
        for (ap_uint<7> i = 0; i < width; ++i) {
            #pragma HLS PIPELINE II=1
            const ap_int<8> x = values.read();
            row[i] = x;
            sum += x;
        }
        const ap_int<8> mean = (sum * reciprocal + 512) >> 10;

    subtract:
        for (ap_uint<7> i = 0; i < width; ++i) {
            #pragma HLS PIPELINE II=1
            centred.write(row[i] - mean);
        }
    }
}
