/// \file top_k.hpp
/// The best experts of every token.
///
///   logits  T x E  ->  choices  T,  kept  T x E
///
/// One logit per cycle (II=1) is inserted into a sorted list, all ranks at once. Experts come in
/// rising order and only a larger logit passes another one, so ties go to the lower expert, as in
/// `m3vit.model.integer_ops.route`.
#pragma once

#include "m3vit/gate_types.hpp"
#include "m3vit/ranked_list.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// \tparam kMaxKept  largest K
/// \tparam kGroup    tokens that may arrive together
template <int kMaxKept, int kGroup>
void TopK(hls::stream<GateLogit>& logits, hls::stream<GateLogit>& kept,
          hls::stream<GateChoice<kMaxKept>>& choices) {
    RankedExpert best[kGroup][kMaxKept];
    #pragma HLS ARRAY_PARTITION variable=best complete dim=0

expert:
    M3VIT_FOREVER(logits, false) {
        #pragma HLS PIPELINE II=1
        const GateLogit item = logits.read();
        kept.write(item);
        RankedExpert list[kMaxKept];
        #pragma HLS ARRAY_PARTITION variable=list complete
        RankedExpert candidate;
        candidate.logit = item.logit;
        candidate.expert = item.expert;

    load:
        for (int rank = 0; rank < kMaxKept; ++rank) {
            #pragma HLS UNROLL
            list[rank] = item.first ? RankedExpert() : best[item.row][rank];
        }
        Insert<kMaxKept>(list, candidate);
        GateChoice<kMaxKept> choice;
        choice.maximum = list[0].logit;

    store:
        for (int rank = 0; rank < kMaxKept; ++rank) {
            #pragma HLS UNROLL
            best[item.row][rank] = list[rank];
            choice.expert[rank] = list[rank].expert;
        }
        if (item.last) choices.write(choice);
    }
}

}  // namespace m3vit
