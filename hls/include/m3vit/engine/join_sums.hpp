/// \file join_sums.hpp
/// Sums of attention weights in the order of the array's rows: one softmax has those of the first
/// half of a block, another one those of the second half.
#pragma once

#include "m3vit/attention_weights.hpp"
#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// A sum per cycle (II=1), no cycle between blocks.
///
/// \tparam kTokens    rows that the array takes at a time
/// \param block_rows  rows of each block, at least 1
template <int kTokens>
void JoinSums(hls::stream<ap_uint<7>>& block_rows, hls::stream<AttentionSum>& sums_0,
              hls::stream<AttentionSum>& sums_1, hls::stream<AttentionSum>& joined) {
    NextCommand<ap_uint<7>> next;
    Countdown<7> rows;
    bool running = false;
    ap_uint<BitLength(kTokens)> row = 0;

row:
    M3VIT_FOREVER(block_rows, running || next.ready) {
        #pragma HLS PIPELINE II=1
        if (running) joined.write(row < kTokens / 2 ? sums_0.read() : sums_1.read());

        const bool ends = !running || rows.last;
        const bool take = ends && next.ready;
        if (take) {
            rows.Start(next.command);
        } else {
            rows.Step();
        }
        running = take || !ends;
        row = take ? 0 : int(row + 1);
        next.Fetch(block_rows, take);
    }
}

}  // namespace m3vit
