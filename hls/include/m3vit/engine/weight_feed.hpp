/// \file weight_feed.hpp
/// Tiles on their way to the array: weights of the ring, or keys and values.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <int kOutputs, int kInputs>
void WeightFeed(hls::stream<Passage>& commands, hls::stream<Tile<Code, kOutputs, kInputs>>& weights,
                hls::stream<Tile<Code, kOutputs, kInputs>>& key_values,
                hls::stream<Tile<Code, kOutputs, kInputs>>& tiles) {
    PassageWalk walk;

tile:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            if (walk.way == kFromRing) {
                tiles.write(weights.read());
            } else {
                tiles.write(key_values.read());
            }
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
