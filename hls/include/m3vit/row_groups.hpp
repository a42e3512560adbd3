/// \file row_groups.hpp
/// Walks over the words of rows that travel in groups.
///
/// The array works on a group of rows at a time and gives their words in turn: word 0 of each row
/// of the group, word 1 of each, and so on; then comes the next group. The last group may be
/// smaller. Groups of one are rows one after another.
#pragma once

#include "m3vit/commands.hpp"

namespace m3vit {

struct RowGroups {
    bool running = false;
    bool first = true;        ///< the present word is the first of its row
    ap_uint<12> rows_left;    ///< in later groups
    ap_uint<6> group;         ///< rows of a full group
    ap_uint<6> row = 0;       ///< in the present group
    ap_uint<6> last_row = 0;  ///< of the present group
    ap_uint<12> word_count;
    Countdown<12> words;  ///< `words.last`: the present word is the last of its row

    /// All counts are at least one.
    void Start(ap_uint<12> rows, ap_uint<12> words_per_row, ap_uint<6> rows_per_group) {
        #pragma HLS INLINE
        rows_left = rows;
        group = rows_per_group;
        word_count = words_per_row;
        StartGroup();
    }

    /// To the next word.
    void Step() {
        #pragma HLS INLINE
        if (row != last_row) {
            ++row;
        } else if (!words.last) {
            row = 0;
            first = false;
            words.Step();
        } else {
            StartGroup();
        }
    }

  private:
    void StartGroup() {
        #pragma HLS INLINE
        const bool full = rows_left > group;
        running = rows_left != 0;
        first = true;
        row = 0;
        last_row = ap_uint<6>(full ? group : ap_uint<6>(rows_left)) - 1;
        rows_left = full ? ap_uint<12>(rows_left - group) : ap_uint<12>(0);
        words.Start(word_count);
    }
};

}  // namespace m3vit
