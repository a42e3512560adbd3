/// \file gate.hpp
/// The gate behind its matmul: which experts each token visits, and with what score.
///
///   sums  2 T x E  ->  picks  T x K,  trace  T x (last - first)
///
/// Logits one after another, the K best of them, softmax over all experts of the task's range, and
/// the scores of the chosen. The logits of the tokens in flight wait in a FIFO until the largest
/// is known. A token takes max(E, K) cycles, plus one cycle per command and one per expert whose
/// parameters are loaded. Equals `m3vit.model.integer_ops.route` (docs/numerics.md, section 5).
#pragma once

#include "m3vit/gate_logits.hpp"
#include "m3vit/gate_scores.hpp"
#include "m3vit/top_k.hpp"

namespace m3vit {

/// \tparam kLanes       experts per word
/// \tparam kGroup       tokens that may arrive together
/// \tparam kMaxExperts  largest E
/// \tparam kMaxKept     largest K
template <int kLanes, int kGroup, int kMaxExperts, int kMaxKept>
void Gate(hls::stream<GateCommand>& commands, hls::stream<GateParameter>& parameters,
          hls::stream<Row<Sum, kLanes>>& sums, hls::stream<Pick>& picks,
          hls::stream<Residual>& trace) {
    #pragma HLS DATAFLOW
    static_assert(kMaxKept <= 16, "a rank has 4 bits");
    static_assert(kMaxExperts <= 256, "an expert's index has 8 bits");
    // All logits of a group have passed before its first maximum is known.
    constexpr int kAhead = kGroup * kMaxExperts + 16;
    hls::stream<Row<GateSum, kLanes>, 2> joined("joined");
    hls::stream<GateCommand, 2> softmax_commands("softmax_commands");
    hls::stream<GateCommand, 2> pick_commands("pick_commands");
    hls::stream<GateLogit, 2> logits("logits");
    hls::stream<GateLogit, kAhead> kept("kept");
    hls::stream<GateChoice<kMaxKept>, 2 * kGroup> choices("choices");
    hls::stream<GateShares<kMaxKept>, 2> shares("shares");

    M3VIT_PROCESS(GateJoin<kLanes>(sums, joined));
    M3VIT_PROCESS(GateLogits<kLanes, kMaxExperts>(commands, parameters, joined, softmax_commands,
                                                  logits, trace));
    M3VIT_PROCESS(TopK<kMaxKept, kGroup>(logits, kept, choices));
    M3VIT_PROCESS(
        GateSoftmax<kMaxKept, kGroup>(softmax_commands, kept, choices, pick_commands, shares));
    M3VIT_PROCESS(GatePicks<kMaxKept>(pick_commands, shares, picks));
}

}  // namespace m3vit
