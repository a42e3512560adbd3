/// \file panel_feed.hpp
/// Rows on their way to the activation panel: of the token memory, or of a gate.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// \tparam kWord  channels of a panel word
template <int kWord>
void PanelFeed(hls::stream<Passage>& commands, hls::stream<Row<Activation, kWord>>& tokens,
               hls::stream<Row<Activation, kWord>>& gate_rows,
               hls::stream<Row<Activation, kWord>>& words) {
    PassageWalk walk;

word:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            Row<Activation, kWord> word;
            if (walk.way == kFromTokens) {
                word = tokens.read();
            } else {
                word = gate_rows.read();
            }
            words.write(word);
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
