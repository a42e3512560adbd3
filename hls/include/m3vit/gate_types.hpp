/// \file gate_types.hpp
/// What the processes of the gate are told, and what they tell each other.
#pragma once

#include "m3vit/types.hpp"

namespace m3vit {

/// Route some tokens. Counts are at least 1.
struct GateCommand {
    ap_uint<12> token;   ///< index of the first one
    ap_uint<12> groups;  ///< of tokens, as row_groups.hpp has it
    ap_uint<7> group;    ///< tokens of a group
    ap_uint<9> experts;  ///< sums of a token
    ap_uint<9> words;    ///< words of a token: experts / kLanes, rounded up
    ap_uint<8> first;    ///< experts [first, last) take part
    ap_uint<9> last;
    ap_uint<5> kept;             ///< experts chosen per token, at most last - first
    ap_uint<1> normalise_kept;   ///< scores of a token sum to one over the chosen experts only
    ap_int<17> prune_threshold;  ///< scores up to this become 0; -1 prunes nothing
    ap_uint<1> load;             ///< first read the parameters of `experts` experts
    ap_uint<1> trace;            ///< emit the logits too
};

/// Sum of products with a gate's int16 inputs; below 2^33 in magnitude.
using GateSum = ap_int<34>;

/// Requantisation of one expert's sum.
struct GateParameter {
    ap_int<35> bias;
    ap_int<16> multiplier;
    ap_uint<6> shift;  ///< 19 ... 50
};

/// A logit, and where it belongs.
struct GateLogit {
    Residual logit;
    ap_uint<8> expert;
    ap_uint<5> row;    ///< token in its group
    ap_uint<1> first;  ///< first expert of the token
    ap_uint<1> last;   ///< last expert of the token
};

/// The best experts of a token.
template <int kMaxKept>
struct GateChoice {
    Residual maximum;
    ap_uint<8> expert[kMaxKept];  ///< best first
};

/// Softmax weights of the chosen experts, and what they are divided by.
template <int kMaxKept>
struct GateShares {
    ap_uint<24> sum;
    ap_uint<8> expert[kMaxKept];
    ap_uint<16> weight[kMaxKept];
};

}  // namespace m3vit
