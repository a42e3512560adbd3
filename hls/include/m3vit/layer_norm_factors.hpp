/// \file layer_norm_factors.hpp
/// Between the passes of a LayerNorm: one over the standard deviation of a row.
///
///   moments  T  ->  factors  T
///
/// A row per cycle (II=1), from ten multipliers. Equals the scalar part of
/// `m3vit.model.integer_ops.normalise`; all of it is exact up to the root.
#pragma once

#include "m3vit/layer_norm_types.hpp"
#include "m3vit/reciprocal_root.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

inline void LayerNormFactors(hls::stream<RowMoments>& moments, hls::stream<RowFactors>& factors) {
token:
    M3VIT_FOREVER(moments, false) {
        #pragma HLS PIPELINE II=1
        const RowMoments row = moments.read();
        const ap_int<56> mean_square =
            SplitProduct<21>(ap_int<13>(row.width), ap_int<43>(row.squares));
        const ap_int<54> squared_total = SplitProduct<17>(row.total, row.total);
        const ap_uint<53> variance = mean_square - squared_total + row.epsilon;
        const RootFactor factor = ReciprocalRoot(variance);
        factors.write({row.total, factor.root, ap_uint<5>(20 + factor.half_shift)});
    }
}

}  // namespace m3vit
