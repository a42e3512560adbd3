/// \file replay.hpp
/// A ring of words from memory, sent to the array as often as they are used.
///
///     words, commands  ->  sent, places that are free again
///
/// Words are stored as they come. A command sends the oldest ones, from the moment the first of
/// them is there, and says whether they are used again (weights meet one block of rows after
/// another) or their places are free. A word in and a word out per cycle (II=1), neither waiting
/// for the other, and no cycle between commands. Words that were fetched in vain are dropped in one
/// cycle, once all have come. A command may skip words that others still use, for two cycles.
/// Whoever asks memory for words knows by `credits` how many places are free, and has taken them
/// all at the beginning. No arithmetic.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <typename Word, int kDepth>
void Replay(Word (&ring)[kDepth], hls::stream<Word>& words, hls::stream<ReplayCommand>& commands,
            hls::stream<Word>& sent, hls::stream<ap_uint<16>>& credits) {
    #pragma HLS INLINE
    static_assert((kDepth & (kDepth - 1)) == 0, "places of the ring wrap around");
    using Address = ap_uint<BitLength(kDepth - 1)>;
    using Count = ap_uint<BitLength(kDepth)>;

    NextCommand<ReplayCommand> next;
    bool running = false;
    ReplayCommand command = {0, 0, 0, 0};
    Countdown<16> left;   // words of the command
    Address place = 0;    // of the next word that comes
    Address front = 0;    // of the oldest word
    Address present = 0;  // of the next word to send
    // Counts follow a cycle behind what changes them by more than one.
    Count stored = 0;        // words from `front` on
    Count released = 0;      // in the cycle before; `stored` still has them
    bool room = true;        // for another word
    Count ahead = 0;         // words from `present` on
    Count adjustment = 0;    // of `ahead`, for what ended in the cycle before
    bool repeated = false;   // that was a command whose words are there again
    bool dropped = false;    // or words that `ahead` still has
    bool skips = false;      // the command does, now
    bool all_there = false;  // the words of the command are

word:
    M3VIT_FOREVER(commands, running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool store = !words.empty() && room;
        const bool told = !credits.full();
        const bool there = (ahead != 0 && !dropped) || repeated;
        const bool send = running && !skips && command.send && there && !sent.full() && told;
        const bool drop = running && !command.send && all_there && told;
        const bool ends = drop || (send && left.last);
        const bool take = (ends || !running) && next.ready;

        room = store ? stored != kDepth - 1 : stored != kDepth;
        stored += Count(store) - released;
        released = 0;
        all_there = ahead >= command.words && !take && !drop && !dropped && !skips;
        ahead += Count(store) - Count(send) + adjustment;
        adjustment = 0;
        repeated = ends && !command.release;
        dropped = drop || skips;
        if (store) ring[place++] = words.read();
        if (send) sent.write(ring[present]);
        const Address behind = present + (drop ? Address(command.words) : Address(1));
        if (drop) adjustment = -command.words;
        if (skips) adjustment = -command.skip;
        if (skips) {
            present = front + command.skip;
        } else if (ends && !command.release) {
            present = front;
        } else if (send || drop) {
            present = behind;
        }
        if (ends && command.release) {
            credits.write(command.words);
            released = command.words;
            front = behind;
        } else if (ends) {
            adjustment = command.words + command.skip;
        }

        skips = take && next.command.skip != 0;
        if (take) {
            command = next.command;
            left.Start(command.words);
            running = true;
        } else {
            if (ends) running = false;
            if (send) left.Step();
        }
        next.Fetch(commands, take);
    }
}

/// The ring of weights, in UltraRAM.
template <int kOutputs, int kInputs, int kDepth>
void ReplayTiles(hls::stream<Tile<Code, kOutputs, kInputs>>& words,
                 hls::stream<ReplayCommand>& commands,
                 hls::stream<Tile<Code, kOutputs, kInputs>>& sent,
                 hls::stream<ap_uint<16>>& credits) {
    Tile<Code, kOutputs, kInputs> ring[kDepth];
    #pragma HLS AGGREGATE variable=ring
    #pragma HLS BIND_STORAGE variable=ring type=ram_s2p impl=uram
    Replay(ring, words, commands, sent, credits);
}

/// The ring of what requantises the results of weights, in block RAM.
template <typename Word, int kDepth>
void ReplayParameters(hls::stream<Word>& words, hls::stream<ReplayCommand>& commands,
                      hls::stream<Word>& sent, hls::stream<ap_uint<16>>& credits) {
    Word ring[kDepth];
    #pragma HLS AGGREGATE variable=ring
    #pragma HLS BIND_STORAGE variable=ring type=ram_s2p impl=bram
    Replay(ring, words, commands, sent, credits);
}

}  // namespace m3vit
