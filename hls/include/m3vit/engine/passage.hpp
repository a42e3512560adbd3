/// \file passage.hpp
/// Forks and joins of the streams around the array: so many words one way, then so many another.
///
/// A word per cycle (II=1), no cycle between commands, no arithmetic. The ways of each fork and
/// join are listed here.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// Let words pass.
struct Passage {
    ap_uint<3> way;
    ap_uint<20> words;  ///< at least 1
};

/// Where the rows of the activation panel come from, but for attention weights.
enum PanelWay { kFromTokens, kFromGateRows };
/// Where the array's weights come from.
enum WeightWay { kFromRing, kFromKeyValues };
/// Where tiles of sums go: logits to the softmax of each half of the rows, or to the first alone.
enum SumWay { kToBothHalves, kToFirstHalf, kToRows };
/// Where rows of sums go.
enum RowWay { kToRequantise, kToContext, kToGate };
/// Where requantised rows go.
enum ResultWay { kToTokens, kToActivation, kToResidual, kToKeyValues, kToStore };

/// A passage under way.
struct PassageWalk {
    NextCommand<Passage> next;
    bool running = false;
    ap_uint<3> way = 0;
    Countdown<20> words;

    /// Call once per cycle; a word has passed if `running`.
    void Step(hls::stream<Passage>& commands) {
        #pragma HLS INLINE
        const bool take = (!running || words.last) && next.ready;
        running = take || (running && !words.last);
        if (take) {
            way = next.command.way;
            words.Start(next.command.words);
        } else {
            words.Step();
        }
        next.Fetch(commands, take);
    }
};

}  // namespace m3vit
