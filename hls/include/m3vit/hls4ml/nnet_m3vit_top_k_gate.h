/// \file nnet_m3vit_top_k_gate.h
/// hls4ml layer M3vitTopKGate: the best experts of every token, and their scores.
///
///   logits  tokens x experts  ->  experts  tokens x kept,  scores  tokens x kept, 15 fraction bits
///
/// A token at a time, all its experts at once. Best first, ties to the lower expert; scores are a
/// softmax over all experts, or over the kept ones. Equals `m3vit.model.integer_ops.route` behind
/// its matmul.
#ifndef NNET_M3VIT_TOP_K_GATE_H_
#define NNET_M3VIT_TOP_K_GATE_H_

#include "m3vit/exponential.hpp"
#include "m3vit/ranked_list.hpp"
#include "m3vit/reciprocal.hpp"
#include "nnet_m3vit_codes.h"

namespace nnet {

template <class data_T, class expert_T, class score_T, typename CONFIG_T>
void m3vit_top_k_gate(data_T data[CONFIG_T::tokens * CONFIG_T::experts],
                      expert_T experts[CONFIG_T::tokens * CONFIG_T::kept],
                      score_T scores[CONFIG_T::tokens * CONFIG_T::kept]) {
token:
    for (unsigned token = 0; token < CONFIG_T::tokens; ++token) {
        #pragma HLS PIPELINE
        m3vit::Residual logits[CONFIG_T::experts];
        #pragma HLS ARRAY_PARTITION variable=logits complete
        m3vit::RankedExpert best[CONFIG_T::kept];
        #pragma HLS ARRAY_PARTITION variable=best complete

    insert:
        for (unsigned expert = 0; expert < CONFIG_T::experts; ++expert) {
            #pragma HLS UNROLL
            logits[expert] = m3vit_logit<CONFIG_T>(data[token * CONFIG_T::experts + expert]);
            m3vit::RankedExpert candidate;
            candidate.logit = logits[expert];
            candidate.expert = expert;
            m3vit::Insert(best, candidate);
        }
        ap_uint<24> all = 0;

    weight:
        for (unsigned expert = 0; expert < CONFIG_T::experts; ++expert) {
            #pragma HLS UNROLL
            all += m3vit::GateWeight(ap_uint<17>(best[0].logit - logits[expert]));
        }
        ap_uint<16> weights[CONFIG_T::kept];
        #pragma HLS ARRAY_PARTITION variable=weights complete
        ap_uint<24> chosen = 0;

    chosen:
        for (unsigned rank = 0; rank < CONFIG_T::kept; ++rank) {
            #pragma HLS UNROLL
            weights[rank] = m3vit::GateWeight(ap_uint<17>(best[0].logit - best[rank].logit));
            chosen += weights[rank];
        }
        ap_uint<16> mantissa;
        ap_uint<5> length;
        m3vit::Reciprocal<24>(CONFIG_T::normalise_kept ? chosen : all, mantissa, length);

    score:
        for (unsigned rank = 0; rank < CONFIG_T::kept; ++rank) {
            #pragma HLS UNROLL
            ap_int<18> score = m3vit::Share(weights[rank], mantissa, length);
            if (score <= CONFIG_T::prune_threshold) score = 0;
            experts[token * CONFIG_T::kept + rank] = m3vit_number<expert_T>(best[rank].expert);
            scores[token * CONFIG_T::kept + rank] = m3vit_number<score_T>(score);
        }
    }
}

}  // namespace nnet

#endif
