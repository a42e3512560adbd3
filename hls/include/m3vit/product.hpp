/// \file product.hpp
/// Products that simulate fast, and products that are wider than one multiplier of the FPGA.
///
/// A multiplier takes 27 by 18 bits.
#pragma once

#include <ap_int.h>

namespace m3vit {

/// left * right, which kProduct bits hold.
///
/// The operator gives the same, but its C simulation computes twice the bits of the product, which
/// beyond 32 bits takes several times as long.
template <int kProduct, typename Left, typename Right>
ap_int<kProduct> Multiply(const Left& left, const Right& right) {
    #pragma HLS INLINE
    static_assert(kProduct <= 64, "a wider product takes the operator");
    return left.to_int64() * right.to_int64();
}

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
