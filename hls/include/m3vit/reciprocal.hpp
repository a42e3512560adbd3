/// \file reciprocal.hpp
/// One over an integer: a 16-bit mantissa by restoring division, a bit per step.
///
/// Equals `m3vit.model.fixed.reciprocal`: mantissa (2^(n + 15) - 1) div value with n the bit length
/// of value. Pure and pipelined: a result per cycle, no multiplier.
#pragma once

#include "m3vit/rounding.hpp"

namespace m3vit {

/// 1 / value is about mantissa * 2^-(length + 15).
struct ReciprocalFactor {
    ap_uint<16> mantissa;  ///< 2^15 ... 2^16 - 1
    ap_uint<5> length;     ///< bit length of the value
};

/// The dividend is all ones, so each step of the division brings down a one. With the value
/// shifted up until its highest bit is set, the first n - 1 ones stay below it and the next 16
/// make the quotient; the shift brings down more ones, which cannot reach a multiple of the value.
///
/// \tparam kBits  of the value, at most 31
/// \param value   at least 1
template <int kBits>
void Reciprocal(const ap_uint<kBits>& value, ap_uint<16>& mantissa, ap_uint<5>& length) {
    #pragma HLS INLINE off
    #pragma HLS PIPELINE II=1
    static_assert(kBits <= 31, "the steps below shift by 31 places at most");
    ap_uint<kBits> divisor = value;
    ap_uint<5> bits = kBits;

step:
    for (int step = 16; step >= 1; step /= 2) {
        #pragma HLS UNROLL
        if (step < kBits && (divisor >> (kBits - step)) == 0) {
            divisor <<= step;
            bits -= step;
        }
    }

    ap_uint<kBits + 1> remainder = (1 << (kBits - 1)) - 1;
    ap_uint<16> quotient = 0;

digit:
    for (int digit = 15; digit >= 0; --digit) {
        #pragma HLS UNROLL
        remainder = (remainder << 1) | 1;
        if (remainder >= divisor) {
            remainder -= divisor;
            quotient[digit] = 1;
        }
    }
    mantissa = quotient;
    length = bits;
}

/// weight / sum with 15 fraction bits, rounded; `mantissa` and `length` are those of the sum.
inline ap_int<18> Share(const ap_uint<16>& weight, const ap_uint<16>& mantissa,
                        const ap_uint<5>& length) {
    #pragma HLS INLINE
    const ap_int<34> product = weight * mantissa;
    return RoundShift<18>(product, length);
}

}  // namespace m3vit
