/// \file sum_router.hpp
/// The array's sums: logits of attention, which come faster than all others, or anything else.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <int kTokens, int kLanes>
void SumRouter(hls::stream<Passage>& commands, hls::stream<Tile<Sum, kTokens, kLanes>>& sums,
               hls::stream<Tile<Sum, kTokens, kLanes>>& logits,
               hls::stream<Tile<Sum, kTokens, kLanes>>& others) {
    PassageWalk walk;

tile:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const Tile<Sum, kTokens, kLanes> tile = sums.read();
            if (walk.way == kToLogits) {
                logits.write(tile);
            } else {
                others.write(tile);
            }
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
