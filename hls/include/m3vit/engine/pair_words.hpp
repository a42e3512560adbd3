/// \file pair_words.hpp
/// Attention weights, as the softmax gives them, to words of the activation panel.
///
///     weights  kLanes  ->  words  kWord, in the order of the rows of a group
///
/// Both go word by word: word 0 of every row of a group, then word 1. So the words of a group that
/// make a panel word's first half wait until its last part comes. A word in per cycle; where the
/// row ends early, the rest of its last word is zero. No arithmetic.
#pragma once

#include "m3vit/row_groups.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// One group of rows.
struct PairWordsCommand {
    ap_uint<7> rows;    ///< at least 1
    ap_uint<12> words;  ///< of kLanes weights, of each row; at least 1
};

/// \tparam kGroup  rows that may come together
template <int kLanes, int kWord, int kGroup>
void PairWords(hls::stream<PairWordsCommand>& commands,
               hls::stream<Row<ap_uint<8>, kLanes>>& weights,
               hls::stream<Row<Activation, kWord>>& words) {
    static_assert(kWord % kLanes == 0, "a panel word takes whole words");
    constexpr int kParts = kWord / kLanes;
    Row<ap_uint<8>, kWord> held[kGroup];
    #pragma HLS ARRAY_PARTITION variable=held complete dim=0
    NextCommand<PairWordsCommand> next;
    RowGroups walk;
    ap_uint<BitLength(kParts)> part = 0;

weight:
    M3VIT_FOREVER(commands, walk.running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool ends = !walk.running || (walk.words.last && walk.rows.last);
        if (walk.running) {
            const Row<ap_uint<8>, kLanes> row = weights.read();
            const bool complete = part == kParts - 1 || walk.words.last;
            Row<ap_uint<8>, kWord> joined = held[walk.row];

        lane:
            for (int lane = 0; lane < kWord; ++lane) {
                if (lane / kLanes == part) joined.lane[lane] = row.lane[lane % kLanes];
                if (lane / kLanes > part) joined.lane[lane] = 0;
            }
            held[walk.row] = joined;
            if (complete) {
                Row<Activation, kWord> word;

            copy:
                for (int lane = 0; lane < kWord; ++lane) word.lane[lane] = joined.lane[lane];
                words.write(word);
            }
            if (walk.rows.last) {
                part =
                    complete ? ap_uint<BitLength(kParts)>(0) : ap_uint<BitLength(kParts)>(part + 1);
            }
        }

        const bool take = ends && next.ready;
        if (take) {
            walk.Start(1, next.command.words, next.command.rows);
            part = 0;
        } else if (walk.running) {
            walk.Step();
        }
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
