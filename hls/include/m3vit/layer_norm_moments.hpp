/// \file layer_norm_moments.hpp
/// First pass of a LayerNorm: sum and sum of squares of every row.
///
///   rows  T x D  ->  moments  T,  kept  T x D
///
/// A word per cycle (II=1), and one more cycle per command. Both sums are exact, so their order
/// does not matter. The row goes on unchanged, for the second pass.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/layer_norm_types.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// \tparam kLanes  channels per word; one multiplier each
template <int kLanes>
void LayerNormMoments(hls::stream<LayerNormCommand>& commands,
                      hls::stream<Row<Residual, kLanes>>& rows,
                      hls::stream<LayerNormCommand>& forwarded,
                      hls::stream<Row<Residual, kLanes>>& kept, hls::stream<RowMoments>& moments) {
    LayerNormCommand command = {};
    LoopNest<12, 12> loops;  // tokens, words
    bool first = true;       // word of a row
    ap_int<27> total = 0;
    ap_uint<42> squares = 0;

word:
    M3VIT_FOREVER(commands, loops.running) {
        #pragma HLS PIPELINE II=1
        if (!loops.running) {
            command = commands.read();
            forwarded.write(command);
            loops.Start(command.tokens, command.words);
        } else {
            const Row<Residual, kLanes> row = rows.read();
            kept.write(row);
            ap_int<27> word_total = 0;
            ap_uint<42> word_squares = 0;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                #pragma HLS UNROLL
                const ap_int<32> square = row.lane[lane] * row.lane[lane];
                word_total += row.lane[lane];
                word_squares += ap_uint<31>(square);
            }
            total = (first ? ap_int<27>(0) : total) + word_total;
            squares = (first ? ap_uint<42>(0) : squares) + word_squares;
            if (loops.inner.last) moments.write({total, squares, command.width, command.epsilon});
            first = loops.inner.last;
            loops.Step();
        }
    }
}

}  // namespace m3vit
