/// \file split_bytes.hpp
/// Rows of int16, the inputs of a gate, to rows of bytes that the array can take.
///
///     rows  T x D int16  ->  words  2 T x D: the high bytes of a token, then its low bytes
///
/// High bytes are signed, low bytes 0 ... 255, so 256 times the first sum plus the second is the
/// sum of the int16 inputs (gate_logits.hpp joins them). A row is held in one half of a small
/// memory while the bytes of the one before leave from the other: a word in and a word out per
/// cycle.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// Split some rows.
struct SplitBytesCommand {
    ap_uint<12> rows;   ///< at least 1
    ap_uint<12> words;  ///< of kLanes channels, of each row; at least 1
};

/// \tparam kWord      channels of a panel word, a multiple of kLanes
/// \tparam kMaxWords  panel words of a row
template <int kLanes, int kWord, int kMaxWords>
void SplitBytes(hls::stream<SplitBytesCommand>& commands, hls::stream<Row<Residual, kLanes>>& rows,
                hls::stream<Row<Activation, kWord>>& words) {
    static_assert(kWord % kLanes == 0, "a panel word takes whole words");
    constexpr int kParts = kWord / kLanes;
    using Word = ap_uint<BitLength(kMaxWords - 1)>;
    using Part = ap_uint<BitLength(kParts)>;
    Row<Residual, kLanes> buffer[kParts][2][1 << Word::width];
    #pragma HLS AGGREGATE variable=buffer
    #pragma HLS ARRAY_PARTITION variable=buffer type=complete dim=1
    #pragma HLS BIND_STORAGE variable=buffer type=ram_s2p impl=lutram

    NextCommand<SplitBytesCommand> next;
    LoopNest<12, 12> fill;  // rows, words
    bool full[2] = {false, false};
    #pragma HLS ARRAY_PARTITION variable=full complete
    Word last_word[2];
    #pragma HLS ARRAY_PARTITION variable=last_word complete
    Part last_part[2];
    #pragma HLS ARRAY_PARTITION variable=last_part complete
    ap_uint<1> fill_half = 0;
    Word fill_word = 0;
    Part fill_part = 0;
    ap_uint<1> send_half = 0;
    Word send_word = 0;
    bool low_bytes = false;

word:
    M3VIT_FOREVER(commands, fill.running || next.ready || full[0] || full[1]) {
        #pragma HLS PIPELINE II=1
        const bool send = full[send_half] && !words.full();
        const bool fill_now = fill.running && !full[fill_half] && !rows.empty();
        const bool row_ends = fill.inner.last;
        const bool send_ends = send_word == last_word[send_half];

        if (send) {
            Row<Activation, kWord> word;

        lane:
            for (int lane = 0; lane < kWord; ++lane) {
                const Residual value =
                    buffer[lane / kLanes][send_half][send_word].lane[lane % kLanes];
                const ap_int<8> high = value >> 8;
                const ap_uint<8> low = value;
                const bool missing = send_ends && lane / kLanes > last_part[send_half];
                word.lane[lane] = missing     ? Activation(0)
                                  : low_bytes ? Activation(low)
                                              : Activation(high);
            }
            words.write(word);
        }
        const bool take = fill.Ends() && (fill_now || !fill.running) && next.ready;
        if (fill_now) {
            buffer[fill_part][fill_half][fill_word] = rows.read();
            if (row_ends) {
                full[fill_half] = true;
                last_word[fill_half] = fill_word;
                last_part[fill_half] = fill_part;
                ++fill_half;
                fill_word = 0;
                fill_part = 0;
            } else if (fill_part == kParts - 1) {
                ++fill_word;
                fill_part = 0;
            } else {
                ++fill_part;
            }
            fill.Step();
        }
        if (send) {
            send_word = send_ends ? Word(0) : Word(send_word + 1);
            if (send_ends && low_bytes) {
                full[send_half] = false;
                ++send_half;
            }
            if (send_ends) low_bytes = !low_bytes;
        }
        if (take) fill.Start(next.command.rows, next.command.words);
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
