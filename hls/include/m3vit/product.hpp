/// \file product.hpp
/// Products that are wider than one multiplier of the FPGA, which takes 27 by 18 bits.
#pragma once

#include <ap_int.h>

namespace m3vit {

/// left * right in two multipliers: one takes the kLow low bits of `right`, one the others.
///
/// \tparam kLow  low bits, at most 17 beside a `left` of 27 bits, or 26 beside one of 18
template <int kLow, int kLeft, int kRight>
ap_int<kLeft + kRight> SplitProduct(const ap_int<kLeft>& left, const ap_int<kRight>& right) {
    #pragma HLS INLINE
    static_assert((kLeft <= 27 && kLow <= 17 && kRight - kLow <= 18) ||
                      (kLeft <= 18 && kLow <= 26 && kRight - kLow <= 27),
                  "a part is wider than a multiplier");
    const ap_uint<kLow> low = right;
    const ap_int<kRight - kLow> high = right >> kLow;
    const ap_int<kLeft + kLow + 1> low_product = left * low;
    const ap_int<kLeft + kRight - kLow> high_product = left * high;
    #pragma HLS BIND_OP variable=low_product op=mul impl=dsp
    #pragma HLS BIND_OP variable=high_product op=mul impl=dsp
    return (ap_int<kLeft + kRight>(high_product) << kLow) + low_product;
}

}  // namespace m3vit
