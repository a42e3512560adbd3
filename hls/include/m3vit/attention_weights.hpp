/// \file attention_weights.hpp
/// Softmax of attention logits in one pass, without its division.
///
///   logits  T x T  ->  weights  T x T,  sums  T
///
/// Each logit comes from the array once and never goes to memory: the rows that the array has in
/// flight wait in a FIFO until their maximum is known, then become weights of 8 bits, 255 at the
/// maximum, and their sum. A word per cycle (II=1) through both processes, and one more cycle per
/// command. No multiplier. Equals `m3vit.model.integer_ops.attention_weights` (docs/numerics.md,
/// section 3); the division by the sum follows behind the product with V (attention_context.hpp).
#pragma once

#include "m3vit/exponential.hpp"
#include "m3vit/row_groups.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// Rows of logits of one head; all counts are at least 1.
struct AttentionWeightsCommand {
    ap_uint<12> groups;  ///< of rows, as row_groups.hpp has it
    ap_uint<7> group;    ///< rows, that is queries, of a group
    ap_uint<12> words;   ///< words of a row: keys / kLanes, rounded up
    ap_uint<12> keys;    ///< logits of a row; lanes behind them are ignored, their weights zero
};

using AttentionWeight = ap_uint<8>;
using AttentionSum = ap_uint<19>;  ///< of a row's weights, at least 255

/// Keys that are left when the walk comes to a word.
template <int kLanes>
struct KeysLeft {
    ap_uint<12> keys = 0;

    /// \param walk  in front of its step from the present word
    void Step(const RowGroups& walk, ap_uint<12> keys_per_row) {
        #pragma HLS INLINE
        if (walk.rows.last) {
            keys = walk.words.last ? keys_per_row : ap_uint<12>(keys - kLanes);
        }
    }
};

/// The largest logit of each row; the logits go on unchanged.
///
/// \tparam kLanes  logits per word, a power of two
/// \tparam kGroup  rows that may arrive together
template <int kLanes, int kGroup>
void RowMaximum(hls::stream<AttentionWeightsCommand>& commands,
                hls::stream<Row<Residual, kLanes>>& logits,
                hls::stream<AttentionWeightsCommand>& forwarded,
                hls::stream<Row<Residual, kLanes>>& kept, hls::stream<Residual>& maxima) {
    static_assert((kLanes & (kLanes - 1)) == 0, "lanes are compared in a balanced tree");
    AttentionWeightsCommand command = {};
    RowGroups walk;
    KeysLeft<kLanes> left;
    Residual running[kGroup];
    #pragma HLS ARRAY_PARTITION variable=running complete

word:
    M3VIT_FOREVER(commands, walk.running) {
        #pragma HLS PIPELINE II=1
        if (!walk.running) {
            command = commands.read();
            forwarded.write(command);
            walk.Start(command.groups, command.words, command.group);
            left.keys = command.keys;
        } else {
            const Row<Residual, kLanes> row = logits.read();
            kept.write(row);
            Residual largest[kLanes];
            #pragma HLS ARRAY_PARTITION variable=largest complete

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                #pragma HLS UNROLL
                largest[lane] = lane < left.keys ? row.lane[lane] : Residual(-32768);
            }

        half:
            for (int half = kLanes / 2; half >= 1; half /= 2) {
            pair:
                for (int lane = 0; lane < half; ++lane) {
                    #pragma HLS UNROLL
                    if (largest[lane + half] > largest[lane]) largest[lane] = largest[lane + half];
                }
            }
            Residual maximum = largest[0];
            if (!walk.first && running[walk.row] > maximum) maximum = running[walk.row];
            running[walk.row] = maximum;
            if (walk.words.last) maxima.write(maximum);
            left.Step(walk, command.keys);
            walk.Step();
        }
    }
}

/// Weights and their sum, once the maximum is known. Parameters as above.
template <int kLanes, int kGroup>
void RowExponential(hls::stream<AttentionWeightsCommand>& commands,
                    hls::stream<Row<Residual, kLanes>>& logits, hls::stream<Residual>& maxima,
                    hls::stream<Row<AttentionWeight, kLanes>>& weights,
                    hls::stream<AttentionSum>& sums) {
    AttentionWeightsCommand command = {};
    RowGroups walk;
    KeysLeft<kLanes> left;
    Residual maximum[kGroup];
    #pragma HLS ARRAY_PARTITION variable=maximum complete
    AttentionSum running[kGroup];
    #pragma HLS ARRAY_PARTITION variable=running complete

word:
    M3VIT_FOREVER(commands, walk.running) {
        #pragma HLS PIPELINE II=1
        if (!walk.running) {
            command = commands.read();
            walk.Start(command.groups, command.words, command.group);
            left.keys = command.keys;
        } else {
            if (walk.first) maximum[walk.row] = maxima.read();
            const Residual largest = maximum[walk.row];
            const Row<Residual, kLanes> row = logits.read();
            Row<AttentionWeight, kLanes> weight;
            AttentionSum sum = 0;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                #pragma HLS UNROLL
                const ap_uint<17> distance = largest - row.lane[lane];
                weight.lane[lane] =
                    lane < left.keys ? ExponentialWeight(distance) : AttentionWeight(0);
                sum += weight.lane[lane];
            }
            if (!walk.first) sum += running[walk.row];
            running[walk.row] = sum;
            weights.write(weight);
            if (walk.words.last) sums.write(sum);
            left.Step(walk, command.keys);
            walk.Step();
        }
    }
}

/// \tparam kLanes    logits per word
/// \tparam kGroup    rows that may arrive together
/// \tparam kMaxKeys  largest T
template <int kLanes, int kGroup, int kMaxKeys>
void AttentionWeights(hls::stream<AttentionWeightsCommand>& commands,
                      hls::stream<Row<Residual, kLanes>>& logits,
                      hls::stream<Row<AttentionWeight, kLanes>>& weights,
                      hls::stream<AttentionSum>& sums) {
    #pragma HLS DATAFLOW
    // A whole group has passed the first process before the second can start with it.
    constexpr int kAhead = kGroup * ((kMaxKeys + kLanes - 1) / kLanes) + 16;
    hls::stream<AttentionWeightsCommand, 2> forwarded("forwarded");
    hls::stream<Row<Residual, kLanes>, kAhead> kept("kept");
    hls::stream<Residual, 2 * kGroup> maxima("maxima");

    M3VIT_PROCESS(RowMaximum<kLanes, kGroup>(commands, logits, forwarded, kept, maxima));
    M3VIT_PROCESS(RowExponential<kLanes, kGroup>(forwarded, kept, maxima, weights, sums));
}

}  // namespace m3vit
