/// \file layer_norm_factors.hpp
/// Between the passes of a LayerNorm: one over the standard deviation of a row.
///
///   moments  T  ->  factors  T
///
/// A row per cycle (II=1), from ten multipliers. See layer_norm_arithmetic.hpp.
#pragma once

#include "m3vit/layer_norm_arithmetic.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

inline void LayerNormFactors(hls::stream<RowMoments>& moments, hls::stream<RowFactors>& factors) {
token:
    M3VIT_FOREVER(moments, false) {
        #pragma HLS PIPELINE II=1
        factors.write(Factors(moments.read()));
    }
}

}  // namespace m3vit
