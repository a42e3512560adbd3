/// \file panel.hpp
/// From rows of tokens to the array's activation tiles, each row block sent as often as it is used.
///
///     rows  tokens x words of kWord,
///     weights  the same, in two halves  ->  tiles  kTokens x kInputs, beats x repeats per row
///     block
///
/// A row block is kTokens tokens, which come one after another, so that a gather of arbitrary
/// tokens meets no bank conflict. It waits in a small LUT RAM and is sent `repeats` times, once per
/// group of outputs, while the next ones come: a tile and a word every cycle, which do not wait for
/// one another. The RAM is a ring of up to kPanelBlocks row blocks: two of the longest rows, more
/// of shorter ones, for in attention short and long ones take turns. Filling takes kTokens x words
/// cycles, so the array is not held up from kTokens x kInputs / kWord groups of outputs on. A word
/// is a part of a beat, a beat, or some beats. Tokens missing in the last block, and words missing
/// in a token's last beat, are zeros. Attention weights come word by word instead of token by
/// token, and those of each half of the rows from a stream of its own, so two words a cycle; a
/// command tells. No arithmetic.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

struct PanelCommand {
    ap_uint<13> tokens;   ///< rows in all; a token of a gate takes two
    ap_uint<12> words;    ///< of each token
    ap_uint<20> repeats;  ///< how often the tiles of a row block are sent
    /// Rows come as attention weights: word by word, word 0 of each first; then there are kTokens
    /// of them at most, the first kTokens / 2 from `weights_0`, the others from `weights_1`.
    ap_uint<1> interleaved;
};

constexpr int kPanelBlocks = 4;  ///< that the panel holds at most, a power of two
using PanelSlot = ap_uint<BitLength(kPanelBlocks - 1)>;

/// A row block that the panel holds.
template <int kTokens, int kParts, typename Place>
struct PanelBlock {
    bool full = false;
    Place start;  ///< of its first beat
    ap_uint<20> repeats;
    ap_uint<12> beats;
    ap_uint<BitLength(kTokens)> tokens;
    ap_uint<BitLength(kParts)> parts;  ///< words of the last beat
};

/// Where the next word goes.
template <int kTokens, int kParts, typename Place>
struct PanelPlace {
    PanelSlot slot = 0;
    bool starts = true;                     ///< it is a block's first word
    Place start = 0;                        ///< line of the block
    ap_uint<BitLength(kTokens)> token = 0;  ///< if rows are interleaved, of the first half
    Place line = 0;                         ///< of the RAM, behind `start`
    ap_uint<BitLength(kParts)> part = 0;

    /// \param inner_ends  the word was a token's last; if rows are interleaved, the half's last
    ///                    token's
    void Step(bool interleaved, bool inner_ends, bool block_ends) {
        #pragma HLS INLINE
        const bool token_steps = interleaved != inner_ends;
        const bool row_restarts = interleaved ? block_ends : inner_ends;
        if (token_steps) {
            ++token;
        } else if (interleaved) {
            token = 0;
        }
        starts = block_ends;
        if (block_ends) start += line + 1;
        if (row_restarts) {
            line = 0;
            part = 0;
        } else if (!token_steps) {
            if (part == kParts - 1) ++line;
            part = part == kParts - 1 ? 0 : int(part + 1);
        }
        if (block_ends) {
            token = 0;
            ++slot;
        }
    }
};

/// \tparam kWord      channels of a word; divides kInputs or is a multiple
/// \tparam kMaxBeats  of one token, in whole words
template <int kTokens, int kInputs, int kWord, int kMaxBeats>
void ActivationPanel(hls::stream<PanelCommand>& commands, hls::stream<Row<Activation, kWord>>& rows,
                     hls::stream<Row<Activation, kWord>>& weights_0,
                     hls::stream<Row<Activation, kWord>>& weights_1,
                     hls::stream<Tile<Activation, kTokens, kInputs>>& tiles) {
    static_assert(kInputs % kWord == 0 || kWord % kInputs == 0, "a tile or a word is whole");
    static_assert(kTokens % 2 == 0, "attention weights come in halves");
    constexpr int kParts = kWord < kInputs ? kInputs / kWord : 1;  // words of a beat
    constexpr int kSpan = kWord < kInputs ? 1 : kWord / kInputs;   // beats of a word
    static_assert(kMaxBeats % kSpan == 0, "a row has whole words");
    constexpr int kHalf = kTokens / 2;
    constexpr int kDepth = 2 << BitLength(kMaxBeats - 1);  // beats
    constexpr int kLines = kDepth / kSpan;
    using Place = ap_uint<BitLength(kDepth - 1)>;
    using LinePlace = ap_uint<BitLength(kLines - 1)>;
    Row<Activation, kWord> panel[kTokens][kParts][kLines];
    #pragma HLS AGGREGATE variable=panel
    #pragma HLS ARRAY_PARTITION variable=panel type=complete dim=1
    #pragma HLS ARRAY_PARTITION variable=panel type=complete dim=2
    #pragma HLS BIND_STORAGE variable=panel type=ram_s2p impl=lutram
    PanelBlock<kTokens, kParts, Place> blocks[kPanelBlocks];
    #pragma HLS ARRAY_PARTITION variable=blocks type=complete
    ap_uint<BitLength(kDepth)> used = 0;  // beats of these blocks
    Place freed = 0;                      // of these, in the cycle before
    bool room = true;                     // for another one of any length

    NextCommand<PanelCommand> next;
    LoopNest<13, 12> fill;  // tokens, words; of interleaved rows words, tokens of the first half
    bool interleaved = false;
    // Of interleaved rows.
    ap_uint<BitLength(kTokens)> tokens = 0;
    ap_uint<BitLength(kTokens)> others = 0;  // of the second half
    bool both = false;                       // it has a word beside the present one
    PanelPlace<kTokens, kParts, LinePlace> place;
    ap_uint<20> repeats;
    LoopNest<20, 12> send;  // repeats, beats
    PanelSlot slot = 0;     // that is sent
    PanelSlot next_slot = 1;
    Place beat = 0;

beat:
    M3VIT_FOREVER(commands, fill.running || next.ready || used != 0) {
        #pragma HLS PIPELINE II=1
        const bool send_now = send.running && !tiles.full();
        const bool free = !place.starts || (room && !blocks[place.slot].full);
        const bool here = interleaved ? !weights_0.empty() : !rows.empty();
        const bool beside = !both || !weights_1.empty();
        const bool fill_now = (fill.running && free) && (here && beside);

        const PanelBlock<kTokens, kParts, Place> block = blocks[slot];
        const PanelBlock<kTokens, kParts, Place> following = blocks[next_slot];
        Place filled = 0;
        bool fills = false;  // a block has come whole
        used -= freed;
        freed = 0;
        if (send_now) {
            Tile<Activation, kTokens, kInputs> tile;

        token:
            for (int token = 0; token < kTokens; ++token) {
            part:
                for (int part = 0; part < kParts; ++part) {
                    const Row<Activation, kWord> word = panel[token][part][LinePlace(beat / kSpan)];
                    const bool missing =
                        token >= block.tokens || (send.inner.last && part >= block.parts);
                    const int first = int(beat % kSpan) * kInputs;  // lane of the word

                lane:
                    for (int lane = 0; lane < kInputs / kParts; ++lane) {
                        tile.at[token][part * kWord + lane] =
                            missing ? Activation(0) : word.lane[first + lane];
                    }
                }
            }
            tiles.write(tile);
            const bool block_ends = send.Ends();
            const bool row_ends = send.inner.last;
            send.Step();
            if (block_ends) {
                blocks[slot].full = false;
                slot = next_slot++;
                freed = block.beats;
                if (following.full) send.Start(following.repeats, following.beats);
            }
            // Blocks lie one behind another.
            if (!row_ends || block_ends) {
                ++beat;
            } else {
                beat = block.start;
            }
        } else if (!send.running && block.full) {
            send.Start(block.repeats, block.beats);
        }

        const bool take = fill.Ends() && (fill_now || !fill.running) && next.ready;
        if (fill_now) {
            Row<Activation, kWord> first;
            Row<Activation, kWord> second;  // anything where there is none
            if (interleaved) {
                first = weights_0.read();
                if (both) second = weights_1.read();
            } else {
                first = rows.read();
                second = first;
            }
            const LinePlace address = place.start + place.line;

        target:
            for (int token = 0; token < kTokens; ++token) {
                const int counted = interleaved ? token % kHalf : token;

            target_part:
                for (int part = 0; part < kParts; ++part) {
                    if (place.token == counted && place.part == part) {
                        panel[token][part][address] = token < kHalf ? first : second;
                    }
                }
            }
            const bool inner_ends = fill.inner.last;
            const bool rows_end = place.token == kTokens - 1 && !interleaved;
            const bool block_ends = inner_ends && (rows_end || fill.outer.last);
            if (block_ends) {
                PanelBlock<kTokens, kParts, Place>& block = blocks[place.slot];
                block.full = true;
                block.start = place.start * kSpan;
                block.repeats = repeats;
                block.beats = (ap_uint<12>(place.line) + 1) * kSpan;
                filled = block.beats;
                fills = true;
                block.tokens = interleaved ? int(tokens) : int(place.token + 1);
                block.parts = place.part + 1;
            }
            both = interleaved && (inner_ends ? others != 0 : place.token + 1 < others);
            place.Step(interleaved, inner_ends, block_ends);
            fill.Step();
        }
        if (take) {
            const bool second = next.command.tokens > kHalf;
            const ap_uint<12> half = second ? ap_uint<12>(kHalf) : ap_uint<12>(next.command.tokens);
            interleaved = next.command.interleaved;
            tokens = next.command.tokens;
            others = second ? int(next.command.tokens - kHalf) : 0;
            both = second && next.command.interleaved;
            fill.Start(interleaved ? ap_uint<13>(next.command.words) : next.command.tokens,
                       interleaved ? half : next.command.words);
            repeats = next.command.repeats;
        }
        next.Fetch(commands, take);
        // A cycle behind: none begins in the cycle after another one's end.
        room = used <= kDepth - kMaxBeats && !fills;
        used += filled;
    }
}

}  // namespace m3vit
