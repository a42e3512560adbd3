/// A function kept as a module: arrays by reference, two results, three instances of two kinds.
#include <ap_int.h>
#include <hls_stream.h>

struct Vectors {
    ap_int<8> left[8], right[8];
};

struct Sums {
    ap_int<20> all;
    ap_int<18> even, odd;
};

template <int kCount, int kWidth>
ap_int<20> Dot(const ap_int<8> (&left)[kCount], const ap_int<8> (&right)[kCount],
               ap_int<kWidth>& last) {
    #pragma HLS INLINE off
    #pragma HLS PIPELINE II=1
    ap_int<20> sum = 0;

element:
    for (int i = 0; i < kCount; ++i) {
        #pragma HLS UNROLL
        ap_int<16> product = left[i] * right[i];
        #pragma HLS BIND_OP variable=product op=mul impl=dsp
        sum += product;
        last = product;
    }
    return sum;
}

void dot_product(hls::stream<Vectors>& vectors, hls::stream<Sums>& sums) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    while (true) {
        #pragma HLS PIPELINE II=1
        const Vectors v = vectors.read();
        ap_int<8> halves[2][2][4];
        for (int i = 0; i < 8; ++i) {
            halves[i % 2][0][i / 2] = v.left[i];
            halves[i % 2][1][i / 2] = v.right[i];
        }
        Sums out;
        ap_int<16> last;
        ap_int<12> last_even, last_odd;
        out.all = Dot<8>(v.left, v.right, last) - last;
        out.even = Dot<4>(halves[0][0], halves[0][1], last_even) + last_even;
        out.odd = Dot<4>(halves[1][0], halves[1][1], last_odd);
        sums.write(out);
    }
}
