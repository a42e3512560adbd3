/// \file ranked_list.hpp
/// A sorted list of the largest logits so far.
///
/// Unused ranks hold less than any logit; none is ever undefined.
#pragma once

#include <ap_int.h>

namespace m3vit {

/// An expert in the list, or nothing yet.
struct RankedExpert {
    ap_int<17> logit = -65536;
    ap_uint<8> expert = 0;
};

/// Insert behind everything that is at least as large; the last rank falls out.
template <int kRanks>
void Insert(RankedExpert (&list)[kRanks], const RankedExpert& candidate) {
    #pragma HLS INLINE

rank:
    for (int rank = kRanks - 1; rank >= 0; --rank) {
        #pragma HLS UNROLL
        if (candidate.logit > list[rank].logit) {
            const bool above = rank > 0 && candidate.logit > list[rank > 0 ? rank - 1 : 0].logit;
            list[rank] = above ? list[rank > 0 ? rank - 1 : 0] : candidate;
        }
    }
}

}  // namespace m3vit
