/// \file row_groups.hpp
/// Walks over the words of rows that travel in groups.
///
/// The array works on a group of rows at a time and gives their words in turn: word 0 of each row
/// of the group, word 1 of each, and so on; then comes the next group. Groups of one are rows one
/// after another. All groups of a command have as many rows; a smaller last one is a command of
/// its own.
#pragma once

#include "m3vit/commands.hpp"

namespace m3vit {

struct RowGroups {
    bool running = false;
    bool first = true;   ///< the present word is the first of its row
    ap_uint<6> row = 0;  ///< in its group
    Countdown<12> groups;
    Countdown<12> words;  ///< `words.last`: the present word is the last of its row
    Countdown<7> rows;    ///< `rows.last`: it is the last row of its group
    ap_uint<12> word_count;
    ap_uint<7> row_count;

    /// All counts are at least one.
    void Start(ap_uint<12> group_count, ap_uint<12> words_per_row, ap_uint<7> rows_per_group) {
        #pragma HLS INLINE
        running = true;
        first = true;
        row = 0;
        word_count = words_per_row;
        row_count = rows_per_group;
        groups.Start(group_count);
        words.Start(words_per_row);
        rows.Start(rows_per_group);
    }

    /// To the next word.
    void Step() {
        #pragma HLS INLINE
        if (!rows.last) {
            rows.Step();
            ++row;
            return;
        }
        rows.Start(row_count);
        row = 0;
        first = words.last;
        if (!words.last) {
            words.Step();
            return;
        }
        words.Start(word_count);
        running = !groups.last;
        groups.Step();
    }
};

}  // namespace m3vit
