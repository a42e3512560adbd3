/// \file layer_norm_arithmetic.hpp
/// What a LayerNorm computes for a row and for a channel, without the streams around it.
///
/// Equal `m3vit.model.integer_ops.normalise` and, in front of its rounding, `scale_and_shift`;
/// docs/numerics.md, section 2, has the widths.
#pragma once

#include "m3vit/layer_norm_types.hpp"
#include "m3vit/reciprocal_root.hpp"
#include "m3vit/rounding.hpp"

namespace m3vit {

/// One over the standard deviation of a row. All of it is exact up to the root.
inline RowFactors Factors(const RowMoments& row) {
    #pragma HLS INLINE
    const ap_int<56> mean_square = SplitProduct<21>(ap_int<13>(row.width), ap_int<43>(row.squares));
    const ap_int<54> squared_total = SplitProduct<17>(row.total, row.total);
    const ap_uint<53> variance = mean_square - squared_total + row.epsilon;
    const RootFactor factor = ReciprocalRoot(variance);
    return {row.total, factor.root, ap_uint<5>(20 + factor.half_shift)};
}

/// One channel less the mean, over the standard deviation.
///
/// \tparam kMaxWidth  largest D
template <int kMaxWidth>
Normalised<kMaxWidth> Normalise(const Residual& value, const ap_uint<12>& width,
                                const RowFactors& factors) {
    #pragma HLS INLINE
    constexpr int kDeviation = 17 + BitLength(kMaxWidth - 1);
    const ap_int<kDeviation> deviation = value * width - factors.total;
    const ap_int<kDeviation + 18> product = deviation * factors.root;
    return RoundShift<Normalised<kMaxWidth>::width>(product, factors.shift);
}

/// One channel in front of its rounding.
template <int kBits, int kLanes>
ap_int<36> Affine(const ap_int<kBits>& normalised, const AffineRow<kLanes>& affine, int lane) {
    #pragma HLS INLINE
    return normalised * affine.gain[lane] + affine.bias[lane];
}

}  // namespace m3vit
