/// \file reciprocal_root.hpp
/// One over the square root of an integer: a table and one Newton step.
///
/// Equals `m3vit.model.fixed.reciprocal_square_root` (docs/numerics.md, section 2). The relative
/// error is below 1.4e-5. Pure and pipelined: a result per cycle, from six multipliers.
#pragma once

#include "m3vit/product.hpp"
#include "m3vit/rounding.hpp"
#include "m3vit/tables.hpp"

namespace m3vit {

/// 1 / sqrt(value) is about root * 2^-(32 + half_shift).
struct RootFactor {
    ap_uint<17> root;      ///< 2^16 ... 2^17 - 1
    ap_int<5> half_shift;  ///< -15 ... 11
};

/// \param value  at least 1
inline RootFactor ReciprocalRoot(const ap_uint<53>& value) {
    #pragma HLS INLINE
    // Shift left by an even number of bits until one of the two highest of 54 bits is set.
    ap_uint<54> scaled = value;
    ap_int<5> half_shift = 11;

step:
    for (int step = 16; step >= 1; step /= 2) {
        #pragma HLS UNROLL
        if ((scaled >> (54 - 2 * step)) == 0) {
            scaled <<= 2 * step;
            half_shift -= step;
        }
    }
    const ap_uint<32> u = scaled >> 22;
    const ap_uint<9> interval = u >> 23;  // 128 ... 511
    const ap_int<17> start = kRootTable[interval - 128];

    const ap_int<49> u_start = SplitProduct<16>(start, ap_int<33>(u));
    const ap_int<66> product = SplitProduct<24>(start, u_start);
    const ap_uint<32> correction = (3LL << 30) - ap_int<34>(product >> 32);
    const ap_int<50> root = SplitProduct<16>(start, ap_int<33>(correction));
    return {ap_uint<17>(RoundShift<18>(root, ap_uint<5>(30))), half_shift};
}

}  // namespace m3vit
