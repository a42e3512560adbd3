/// \file sum_router.hpp
/// The array's sums: logits of attention, which come faster than all others, or anything else.
///
/// Logits go two ways: the first half of a tile's rows to one softmax, the second half to another.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <int kTokens, int kLanes>
void SumRouter(hls::stream<Passage>& commands, hls::stream<Tile<Sum, kTokens, kLanes>>& sums,
               hls::stream<Tile<Sum, kTokens / 2, kLanes>>& logits_0,
               hls::stream<Tile<Sum, kTokens / 2, kLanes>>& logits_1,
               hls::stream<Tile<Sum, kTokens, kLanes>>& others) {
    static_assert(kTokens % 2 == 0, "a tile has two halves");
    PassageWalk walk;

tile:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const Tile<Sum, kTokens, kLanes> tile = sums.read();
            Tile<Sum, kTokens / 2, kLanes> first;
            Tile<Sum, kTokens / 2, kLanes> second;

        token:
            for (int token = 0; token < kTokens / 2; ++token) {
            lane:
                for (int lane = 0; lane < kLanes; ++lane) {
                    first.at[token][lane] = tile.at[token][lane];
                    second.at[token][lane] = tile.at[kTokens / 2 + token][lane];
                }
            }
            if (walk.way == kToRows) {
                others.write(tile);
            } else {
                logits_0.write(first);
            }
            if (walk.way == kToBothHalves) logits_1.write(second);
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
