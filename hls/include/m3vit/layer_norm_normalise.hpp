/// \file layer_norm_normalise.hpp
/// Second pass of a LayerNorm: every channel less the mean, over the standard deviation.
///
///   rows  T x D,  factors  T  ->  normalised  T x D
///
/// A word per cycle (II=1), one more cycle per command. Two multipliers per lane. See
/// layer_norm_arithmetic.hpp.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/layer_norm_arithmetic.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// \tparam kLanes     channels per word
/// \tparam kMaxWidth  largest D
template <int kLanes, int kMaxWidth>
void LayerNormNormalise(hls::stream<LayerNormCommand>& commands,
                        hls::stream<Row<Residual, kLanes>>& rows,
                        hls::stream<RowFactors>& row_factors,
                        hls::stream<LayerNormCommand>& forwarded,
                        hls::stream<Row<Normalised<kMaxWidth>, kLanes>>& normalised) {
    LayerNormCommand command = {};
    RowFactors factors = {};
    LoopNest<12, 12> loops;  // tokens, words
    bool first = true;       // word of a row

word:
    M3VIT_FOREVER(commands, loops.running) {
        #pragma HLS PIPELINE II=1
        if (!loops.running) {
            command = commands.read();
            forwarded.write(command);
            loops.Start(command.tokens, command.words);
        } else {
            if (first) factors = row_factors.read();
            const Row<Residual, kLanes> row = rows.read();
            Row<Normalised<kMaxWidth>, kLanes> word;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                #pragma HLS UNROLL
                word.lane[lane] = Normalise<kMaxWidth>(row.lane[lane], command.width, factors);
            }
            normalised.write(word);
            first = loops.inner.last;
            loops.Step();
        }
    }
}

}  // namespace m3vit
