/// A DATAFLOW function: template processes, an array of streams, a nested network, scalars.
#include <ap_int.h>
#include <hls_stream.h>

using Word = ap_int<16>;

template <int kOutputs>
void Deal(hls::stream<Word>& input, hls::stream<Word> (&outputs)[kOutputs], ap_uint<8> count) {
deal:
    for (ap_uint<8> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=1
        for (int j = 0; j < kOutputs; ++j) {
            #pragma HLS UNROLL
            if (i % kOutputs == j) outputs[j].write(input.read());
        }
    }
}

template <int kFactor>
void Multiply(hls::stream<Word>& input, hls::stream<Word>& output, ap_uint<8> count, Word offset) {
multiply:
    for (ap_uint<8> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=1
        output.write(input.read() * kFactor + offset);
    }
}

void Add(hls::stream<Word>& left, hls::stream<Word>& right, hls::stream<Word>& sums,
         ap_uint<8> count) {
add:
    for (ap_uint<8> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=1
        sums.write(left.read() + right.read());
    }
}

void Twice(hls::stream<Word>& input, hls::stream<Word>& output, ap_uint<8> count) {
    #pragma HLS DATAFLOW
    hls::stream<Word, 4> between("between");
    Multiply<3>(input, between, count, 1);
    Multiply<5>(between, output, count, -2);
}

void network(hls::stream<Word>& input, hls::stream<Word>& output, ap_uint<8> pairs, Word offset) {
    #pragma HLS DATAFLOW
    hls::stream<Word> halves[2];
    #pragma HLS STREAM variable=halves depth=8
    hls::stream<Word> left, right;
    Deal<2>(input, halves, pairs);
    Multiply<3>(halves[0], left, 4, offset);
    Twice(halves[1], right, 4);
    Add(left, right, output, 4);
}
