/// \file attention_context.hpp
/// Behind the product of attention weights and values: the division by the row sum, and int8 codes.
///
///   products  T x d,  sums  T  ->  codes  T x d
///
/// Late normalisation: one reciprocal per row instead of a division per weight. A word per cycle
/// (II=1), a reciprocal per cycle beside it, and one more cycle per command. Two multipliers per
/// lane. Equals `m3vit.model.integer_ops.attention_context` behind its matmul (docs/numerics.md,
/// section 3).
#pragma once

#include "m3vit/attention_weights.hpp"
#include "m3vit/reciprocal.hpp"

namespace m3vit {

/// Rows of one head; all counts are at least 1.
struct AttentionContextCommand {
    ap_uint<12> groups;     ///< of rows, as row_groups.hpp has it
    ap_uint<7> group;       ///< rows, that is queries, of a group
    ap_uint<12> words;      ///< words of a row: d / kLanes, rounded up
    ap_int<16> multiplier;  ///< of the head's requantisation
    ap_uint<6> shift;       ///< 11 ... 42
    ap_int<8> zero_point;
};

/// One over each row's sum.
inline void RowReciprocal(hls::stream<AttentionSum>& sums,
                          hls::stream<ReciprocalFactor>& reciprocals) {
row:
    M3VIT_FOREVER(sums, false) {
        #pragma HLS PIPELINE II=1
        ReciprocalFactor factor;
        Reciprocal<19>(sums.read(), factor.mantissa, factor.length);
        reciprocals.write(factor);
    }
}

/// \tparam kLanes  channels per word
/// \tparam kGroup  rows that may arrive together
template <int kLanes, int kGroup>
void RowNormalise(hls::stream<AttentionContextCommand>& commands,
                  hls::stream<Row<Sum, kLanes>>& products,
                  hls::stream<ReciprocalFactor>& reciprocals,
                  hls::stream<Row<Code, kLanes>>& codes) {
    AttentionContextCommand command = {};
    RowGroups walk;
    ReciprocalFactor factors[kGroup];
    #pragma HLS ARRAY_PARTITION variable=factors complete

word:
    M3VIT_FOREVER(commands, walk.running) {
        #pragma HLS PIPELINE II=1
        if (!walk.running) {
            command = commands.read();
            walk.Start(command.groups, command.words, command.group);
        } else {
            if (walk.first) factors[walk.row] = reciprocals.read();
            const ReciprocalFactor factor = factors[walk.row];
            const Row<Sum, kLanes> row = products.read();
            Row<Code, kLanes> code;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                #pragma HLS UNROLL
                const ap_int<44> divided = ap_int<27>(row.lane[lane]) * factor.mantissa;
                const ap_int<18> context = RoundShift<18>(divided, ap_uint<5>(factor.length + 5));
                const ap_int<43> scaled = context * command.multiplier;
                const ap_int<10> rounded =
                    RoundSaturate<9>(scaled, command.shift) + command.zero_point;
                code.lane[lane] = Saturate<8>(rounded);
            }
            codes.write(code);
            walk.Step();
        }
    }
}

/// Parameters as above.
template <int kLanes, int kGroup>
void AttentionContext(hls::stream<AttentionContextCommand>& commands,
                      hls::stream<Row<Sum, kLanes>>& products, hls::stream<AttentionSum>& sums,
                      hls::stream<Row<Code, kLanes>>& codes) {
    #pragma HLS DATAFLOW
    hls::stream<ReciprocalFactor, 2 * kGroup> reciprocals("reciprocals");

    M3VIT_PROCESS(RowReciprocal(sums, reciprocals));
    M3VIT_PROCESS(RowNormalise<kLanes, kGroup>(commands, products, reciprocals, codes));
}

}  // namespace m3vit
