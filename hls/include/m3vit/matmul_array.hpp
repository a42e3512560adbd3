/// \file matmul_array.hpp
/// The matmul array, the one computing unit of all layers, attention and gates.
///
///     activations  kTokens x kInputs,  weights  kOutputs x kInputs  per beat
///         ->  sums  kTokens x kOutputs  per `beats` beats
///
/// One beat a cycle, none lost between sums or between commands, for one lost cycle per row block
/// would cost 2 % of an image. The loop nest is flat and its state short; accumulators stay in
/// registers. Tokens go through the multipliers in pairs, packed once for all outputs. The order of
/// tiles is the sender's: sums leave in the order in which their operands came.
/// Sums are exact: below 2^26 in magnitude for every network, by its compilation.
/// Equals the product inside `m3vit.model.integer_ops.linear`.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/dot_product.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

struct MatmulCommand {
    ap_uint<20> sums;   ///< tiles to make
    ap_uint<12> beats;  ///< tiles of activations and weights for each
};

/// \tparam kTokens   even
/// \tparam kInputs   a multiple of four
template <int kTokens, int kInputs, int kOutputs>
void MatmulArray(hls::stream<MatmulCommand>& commands,
                 hls::stream<Tile<Activation, kTokens, kInputs>>& activations,
                 hls::stream<Tile<Code, kOutputs, kInputs>>& weights,
                 hls::stream<Tile<Sum, kTokens, kOutputs>>& sums) {
    static_assert(kTokens % 2 == 0, "two tokens share a multiplier");
    NextCommand<MatmulCommand> next;
    LoopNest<20, 12> loops;
    bool first = true;  // beat of a sum
    Sum accumulators[kTokens][kOutputs];
    #pragma HLS ARRAY_PARTITION variable=accumulators type=complete dim=0

beat:
    M3VIT_FOREVER(commands, loops.running || next.ready) {
        #pragma HLS PIPELINE II=1
        if (loops.running) {
            const Tile<Activation, kTokens, kInputs> activation = activations.read();
            const Tile<Code, kOutputs, kInputs> weight = weights.read();
            Tile<Sum, kTokens, kOutputs> result;

        token:
            for (int token = 0; token < kTokens; token += 2) {
                PackedPair pairs[kInputs];
                #pragma HLS ARRAY_PARTITION variable=pairs type=complete

            input:
                for (int input = 0; input < kInputs; ++input) {
                    pairs[input] =
                        Pack(activation.at[token][input], activation.at[token + 1][input]);
                }

            output:
                for (int output = 0; output < kOutputs; ++output) {
                    PartialSum<kInputs> partial[2];
                    DotProduct<kInputs>(pairs, weight.at[output], partial[0], partial[1]);

                half:
                    for (int half = 0; half < 2; ++half) {
                        Sum& accumulator = accumulators[token + half][output];
                        accumulator = (first ? Sum(0) : accumulator) + partial[half];
                        result.at[token + half][output] = accumulator;
                    }
                }
            }
            if (loops.inner.last) sums.write(result);
            first = loops.inner.last;
        }

        const bool take = loops.Ends() && next.ready;
        if (take) {
            loops.Start(next.command.sums, next.command.beats);
        } else {
            loops.Step();
        }
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
