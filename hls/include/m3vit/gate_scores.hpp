/// \file gate_scores.hpp
/// Softmax of a gate over all its experts, and the scores of the chosen ones.
///
///   logits  T x E,  choices  T  ->  shares  T  ->  picks  T x K
///
/// One expert per cycle in the first process and one pick per cycle in the second (II=1), one more
/// cycle per command. Both equal the second half of `m3vit.model.integer_ops.route`.
#pragma once

#include "m3vit/exponential.hpp"
#include "m3vit/gate_types.hpp"
#include "m3vit/pick.hpp"
#include "m3vit/reciprocal.hpp"
#include "m3vit/row_groups.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// Weights of all experts summed; those of the chosen experts kept.
///
/// \tparam kMaxKept  largest K
/// \tparam kGroup    tokens that may arrive together
template <int kMaxKept, int kGroup>
void GateSoftmax(hls::stream<GateCommand>& commands, hls::stream<GateLogit>& logits,
                 hls::stream<GateChoice<kMaxKept>>& choices, hls::stream<GateCommand>& forwarded,
                 hls::stream<GateShares<kMaxKept>>& shares) {
    GateCommand command = {};
    LoopNest<12, 7> loops;  // groups, tokens
    Residual maximum[kGroup];
    #pragma HLS ARRAY_PARTITION variable=maximum complete
    GateShares<kMaxKept> partial[kGroup];
    #pragma HLS ARRAY_PARTITION variable=partial complete dim=0

expert:
    M3VIT_FOREVER(commands, loops.running) {
        #pragma HLS PIPELINE II=1
        if (!loops.running) {
            command = commands.read();
            forwarded.write(command);
            loops.Start(command.groups, command.group);
        } else {
            const GateLogit item = logits.read();
            GateShares<kMaxKept> share = partial[item.row];
            if (item.first) {
                const GateChoice<kMaxKept> choice = choices.read();
                maximum[item.row] = choice.maximum;

            choose:
                for (int rank = 0; rank < kMaxKept; ++rank) {
                    #pragma HLS UNROLL
                    share.expert[rank] = choice.expert[rank];
                }
            }
            const ap_uint<17> distance = maximum[item.row] - item.logit;
            const ap_uint<16> weight = GateWeight(distance);
            bool chosen = false;

        rank:
            for (int rank = 0; rank < kMaxKept; ++rank) {
                #pragma HLS UNROLL
                if (rank < command.kept && share.expert[rank] == item.expert) {
                    share.weight[rank] = weight;
                    chosen = true;
                }
            }
            const bool counts = chosen || !command.normalise_kept;
            share.sum =
                (item.first ? ap_uint<24>(0) : share.sum) + (counts ? weight : ap_uint<16>(0));
            partial[item.row] = share;
            if (item.last) {
                shares.write(share);
                loops.Step();
            }
        }
    }
}

/// Shares to scores: one division per pick, of 24 by 16 bits, pipelined.
template <int kMaxKept>
void GatePicks(hls::stream<GateCommand>& commands, hls::stream<GateShares<kMaxKept>>& shares,
               hls::stream<Pick>& picks) {
    GateCommand command = {};
    RowGroups walk;  // a token's picks are the rows of a group
    GateShares<kMaxKept> share = {};
    #pragma HLS ARRAY_PARTITION variable=share.expert complete
    #pragma HLS ARRAY_PARTITION variable=share.weight complete
    ap_uint<12> token = 0;

rank:
    M3VIT_FOREVER(commands, walk.running) {
        #pragma HLS PIPELINE II=1
        if (!walk.running) {
            command = commands.read();
            walk.Start(command.groups, command.group, command.kept);
            token = command.token;
        } else {
            const ap_uint<4> rank = walk.row;
            if (rank == 0) share = shares.read();
            ap_uint<16> mantissa;
            ap_uint<5> length;
            Reciprocal<24>(share.sum, mantissa, length);
            ap_int<18> score = Share(share.weight[rank], mantissa, length);
            if (score <= command.prune_threshold) score = 0;
            picks.write({token, share.expert[rank], rank, ap_uint<16>(score)});
            if (walk.rows.last) ++token;
            walk.Step();
        }
    }
}

}  // namespace m3vit
