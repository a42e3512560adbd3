/// \file dot_product.hpp
/// Two tokens' dot products with the same weights; both products of a weight in one multiplier.
///
///     pairs  kInputs,  weights  kInputs  ->  low, high
///
/// A pair holds the activations of two tokens 18 bits apart, so that pair x weight holds both
/// products: 27 x 8 bits, one DSP48E2. Four of these are added before they are taken apart, which
/// divides the adders behind the multipliers by almost four.
///
/// Why nothing is lost: with activations in -128 ... 255 (codes and attention weights) and weights
/// in -128 ... 127 a product lies in 255 x -128 = -32,640 ... 255 x 127 = 32,385, four of them in
/// -130,560 ... 129,540, which 18 bits hold (five would not fit). So the sum of four is
/// high x 2^18 + low with an 18-bit `low`; adding 2^17 makes the low field non-negative, so that
/// it takes nothing from the high one. Two of `m3vit.model.integer_ops.linear`'s sums.
#pragma once

#include "m3vit/product.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

using PackedPair = ap_int<27>;  ///< two activations

constexpr int kGroup = 4;  // products that are added in packed form

/// Sum of kInputs products: 18 bits for each group, and their sum.
template <int kInputs>
using PartialSum = ap_int<18 + BitLength(kInputs / kGroup - 1)>;

/// Two activations as one number.
inline PackedPair Pack(Activation low, Activation high) {
    #pragma HLS INLINE
    return (PackedPair(high) << 18) + low;
}

/// \tparam kInputs  a multiple of four
template <int kInputs>
void DotProduct(const PackedPair (&pairs)[kInputs], const Code (&weights)[kInputs],
                PartialSum<kInputs>& low, PartialSum<kInputs>& high) {
    #pragma HLS INLINE off
    #pragma HLS PIPELINE II=1
    static_assert(kInputs % kGroup == 0, "products are added in groups of four");
    PartialSum<kInputs> low_sum = 0;
    PartialSum<kInputs> high_sum = 0;

group:
    for (int first = 0; first < kInputs; first += kGroup) {
        ap_int<36> packed = 1 << 17;

    product:
        for (int input = first; input < first + kGroup; ++input) {
            const ap_int<35> product = Multiply<35>(pairs[input], weights[input]);
            #pragma HLS BIND_OP variable=product op=mul impl=dsp
            packed += product;
        }
        low_sum += ap_int<19>(ap_uint<18>(packed)) - (1 << 17);
        high_sum += ap_int<18>(packed >> 18);
    }
    low = low_sum;
    high = high_sum;
}

}  // namespace m3vit
