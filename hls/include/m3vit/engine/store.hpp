/// \file store.hpp
/// Rows and picks to memory.
///
///     residual, results, wide  kLanes,  picks  ->  beats  16 bytes
///
/// A beat or a word a cycle (II=1), whichever there is more of. The last beat of a command ends
/// with zeros; the next command begins with a fresh one. Numbers are little-endian, as docs/isa.md
/// has them; of results, which are requantised to 8 or 16 bits, the lower 16 bits are written.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/beat_words.hpp"
#include "m3vit/engine/data_commands.hpp"
#include "m3vit/pick.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

constexpr int kPickBytes = 8;

/// The register through which words become beats; the next beat lies at its lower end.
template <int kLanes>
struct StoreRegister {
    static constexpr int kRowBytes = 2 * kLanes;
    static constexpr int kBytes = kRowBytes > kBeatBytes ? kRowBytes : kBeatBytes;
    static constexpr bool kRowsSpan = kRowBytes > kBeatBytes;  ///< several beats
    Bytes<kBytes> bytes;

    /// The next beat of a word.
    void NextBeat() {
        #pragma HLS INLINE

    byte:
        for (int byte = 0; byte + kBeatBytes < kBytes; ++byte) {
            bytes.at[byte] = bytes.at[byte + kBeatBytes];
        }
    }
    template <typename T>
    void Take(const Row<T, kLanes>& row) {
        #pragma HLS INLINE
        Append<kRowBytes>();

    lane:
        for (int lane = 0; lane < kLanes; ++lane) {
            bytes.template Put<2>(End<kRowBytes>() + 2 * lane, ap_uint<16>(row.lane[lane]));
        }
    }
    void Take(const Pick& pick) {
        #pragma HLS INLINE
        Append<kPickBytes>();
        const ap_uint<64> bits = ap_uint<64>(pick.token) | ap_uint<64>(pick.expert) << 12 |
                                 ap_uint<64>(pick.rank) << 20 | ap_uint<64>(pick.score) << 24;
        bytes.template Put<kPickBytes>(End<kPickBytes>(), bits);
    }
    /// A missing word in a command's last beat.
    template <int kWordBytes>
    void TakeNothing() {
        #pragma HLS INLINE
        Append<kWordBytes>();

    byte:
        for (int byte = End<kWordBytes>(); byte < kBeatBytes; ++byte) bytes.at[byte] = 0;
    }
    Beat Front() const {
        #pragma HLS INLINE
        Beat beat;

    byte:
        for (int byte = 0; byte < kBeatBytes; ++byte) beat.lane[byte] = bytes.at[byte];
        return beat;
    }

  private:
    /// Where the last word of a beat, or a word of several beats, begins.
    template <int kWordBytes>
    static constexpr int End() {
        return kWordBytes < kBeatBytes ? kBeatBytes - kWordBytes : 0;
    }
    /// Make room for a word behind those that are held.
    template <int kWordBytes>
    void Append() {
        #pragma HLS INLINE

    byte:
        for (int byte = 0; byte < End<kWordBytes>(); ++byte) {
            bytes.at[byte] = bytes.at[byte + kWordBytes];
        }
    }
};

template <int kLanes>
void Store(hls::stream<StoreCommand>& commands, hls::stream<Row<Residual, kLanes>>& residual,
           hls::stream<Row<Wide, kLanes>>& results, hls::stream<Row<Residual, kLanes>>& wide,
           hls::stream<Pick>& picks, hls::stream<WriteRequest>& requests,
           hls::stream<Beat>& beats) {
    using Rows = BeatWords<2 * kLanes>;
    using Picks = BeatWords<kPickBytes>;
    NextCommand<StoreCommand> next;
    StoreRegister<kLanes> held;
    #pragma HLS ARRAY_PARTITION variable=held.bytes.at type=complete
    bool running = false;
    ap_uint<2> source = 0;
    bool spans = false;  // words have several beats
    Countdown<24> beat;
    Countdown<24> word;
    bool ended = false;  // all words have come
    Countdown<8> word_beats;
    Countdown<5> beat_words;
    bool fresh = true;  // a word begins

word:
    M3VIT_FOREVER(commands, running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool of_picks = source == kStorePicks;
        const bool comes = running && fresh && !ended;
        if (comes && source == kStoreResidual) {
            held.Take(residual.read());
        } else if (comes && source == kStoreResults) {
            held.Take(results.read());
        } else if (comes && source == kStoreWide) {
            held.Take(wide.read());
        } else if (comes) {
            held.Take(picks.read());
        } else if (spans) {
            held.NextBeat();
        } else if (of_picks) {
            held.template TakeNothing<kPickBytes>();
        } else {
            held.template TakeNothing<2 * kLanes>();
        }
        const bool leaves = running && beat_words.last;
        const bool ends = !running || (beat.last && beat_words.last);
        if (leaves) beats.write(held.Front());

        const bool take = ends && next.ready;
        if (take) {
            requests.write({next.command.line, next.command.beats});
            source = next.command.source;
            spans = source != kStorePicks && StoreRegister<kLanes>::kRowsSpan;
            beat.Start(next.command.beats);
            word.Start(next.command.words);
            ended = false;
            word_beats.Start(source == kStorePicks ? Picks::kBeats : Rows::kBeats);
            beat_words.Start(source == kStorePicks ? Picks::kWords : Rows::kWords);
            fresh = true;
        } else if (running) {
            if (comes) {
                ended = word.last;
                word.Step();
            }
            fresh = word_beats.last;
            if (word_beats.last) {
                word_beats.Start(of_picks ? Picks::kBeats : Rows::kBeats);
            } else {
                word_beats.Step();
            }
            if (leaves) {
                beat.Step();
                beat_words.Start(of_picks ? Picks::kWords : Rows::kWords);
            } else {
                beat_words.Step();
            }
        }
        running = !ends || take;
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
