/// \file rounding.hpp
/// The network's only rounding (half up, in a right shift) and its saturation.
///
/// Both equal their namesakes of docs/numerics.md, "Conventions", and `m3vit.model.fixed`. The last
/// bit that is shifted out decides, so it suffices to add one half behind the shift: the adder has
/// the width of the result instead of that of the value.
#pragma once

#include <ap_int.h>

namespace m3vit {

/// value, or the nearest integer of kBits bits.
template <int kBits, int kValue>
ap_int<kBits> Saturate(const ap_int<kValue>& value) {
    #pragma HLS INLINE
    static_assert(kBits < kValue, "there is nothing to saturate");
    const ap_int<kValue> highest = (1 << (kBits - 1)) - 1;
    const ap_int<kValue> lowest = -(1 << (kBits - 1));
    return value > highest ? highest : value < lowest ? lowest : value;
}

/// round(value, shift) = (value + 2^(shift - 1)) >> shift.
///
/// \tparam kResult  bits of the result; the caller knows that it fits
/// \param shift     1 ... kValue
template <int kResult, int kValue, int kShift>
ap_int<kResult> RoundShift(const ap_int<kValue>& value, const ap_uint<kShift>& shift) {
    #pragma HLS INLINE
    const ap_int<kValue> shifted = value >> ap_uint<kShift>(shift - 1);
    const ap_int<kResult + 1> halves = ap_int<kResult + 1>(shifted) + 1;
    return halves >> 1;
}

/// Saturate<kBits>(round(value, shift)), saturated before the rounding so that it adds few bits.
///
/// \param shift  1 ... kValue
template <int kBits, int kValue, int kShift>
ap_int<kBits> RoundSaturate(const ap_int<kValue>& value, const ap_uint<kShift>& shift) {
    #pragma HLS INLINE
    static_assert(kBits + 1 < kValue, "there is nothing to saturate");
    const ap_int<kValue> shifted = value >> ap_uint<kShift>(shift - 1);
    const ap_int<kValue> highest = (1 << kBits) - 2;
    const ap_int<kValue> lowest = -(1 << kBits);
    const ap_int<kBits + 1> halves = shifted > highest  ? highest
                                     : shifted < lowest ? lowest
                                                        : shifted;
    return (halves + 1) >> 1;
}

}  // namespace m3vit
