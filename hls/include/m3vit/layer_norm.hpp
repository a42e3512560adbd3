/// \file layer_norm.hpp
/// LayerNorm of rows of the residual stream, to int8 for matmuls and to int16 for a gate.
///
///   rows  T x D  ->  codes  T x D,  wide  T x D
///
/// Processes: moments of a row, its factors, a second pass that normalises, and one that applies
/// gains and biases. The row waits in a FIFO between the passes, so that all take a word per cycle:
/// a token leaves every D / kLanes cycles, whatever D is. Equals
/// `m3vit.model.integer_ops.layer_norm` (docs/numerics.md, section 2). The int16 output alone is
/// the LayerNorm behind the last block.
#pragma once

#include "m3vit/layer_norm_affine.hpp"
#include "m3vit/layer_norm_factors.hpp"
#include "m3vit/layer_norm_moments.hpp"
#include "m3vit/layer_norm_normalise.hpp"

namespace m3vit {

/// \tparam kLanes     channels per word
/// \tparam kMaxWidth  largest D
template <int kLanes, int kMaxWidth>
void LayerNorm(hls::stream<LayerNormCommand>& commands, hls::stream<AffineRow<kLanes>>& parameters,
               hls::stream<Row<Residual, kLanes>>& rows, hls::stream<Row<Code, kLanes>>& codes,
               hls::stream<Row<Residual, kLanes>>& wide) {
    #pragma HLS DATAFLOW
    // The first pass is ahead by a row and by the latency of everything in between.
    constexpr int kAhead = (kMaxWidth + kLanes - 1) / kLanes + 64;
    hls::stream<LayerNormCommand, 2> normalise_commands("normalise_commands");
    hls::stream<LayerNormCommand, 2> affine_commands("affine_commands");
    hls::stream<Row<Residual, kLanes>, kAhead> kept("kept");
    hls::stream<RowMoments, 2> moments("moments");
    hls::stream<RowFactors, kAhead> factors("factors");
    hls::stream<Row<Normalised<kMaxWidth>, kLanes>, 2> normalised("normalised");

    M3VIT_PROCESS(LayerNormMoments<kLanes>(commands, rows, normalise_commands, kept, moments));
    M3VIT_PROCESS(LayerNormFactors(moments, factors));
    M3VIT_PROCESS(LayerNormNormalise<kLanes, kMaxWidth>(normalise_commands, kept, factors,
                                                        affine_commands, normalised));
    M3VIT_PROCESS(
        LayerNormAffine<kLanes, kMaxWidth>(affine_commands, parameters, normalised, codes, wide));
}

}  // namespace m3vit
