/// \file cut_patches.hpp
/// From an image to the rows of patches that the embedding's matmul takes.
///
///     pixels  H x W x channels bytes  ->  codes  N x (channels x P x P), pixel - 128
///
/// A word of kLanes bytes in and a word of kLanes codes out per cycle, where kLanes divides the
/// patch size and the number of channels is odd; otherwise a word may take several cycles.
///
/// The image comes row by row, channels innermost; a patch leaves channel by channel. In between
/// lies a ring of bytes for two strips (rows of patches): one is cut while the next one arrives.
/// Byte b lies in bank b mod kLanes. Neighbouring pixels of one channel are `channels` bytes apart:
/// with an odd number of channels, kLanes of them lie in kLanes different banks and are read at
/// once, with two or four channels a half or a quarter of that. Each bank is given the address of
/// the byte that is wanted from it, and each lane picks its bank.
///
/// What a cycle reads, at most one row of a patch, is joined to whole words. The last word of a
/// patch ends with zeros, and every image begins with a fresh word of pixels.
/// Equals `m3vit.model.integer_ops.cut_patches`.
#pragma once

#include <hls_stream.h>

#include "m3vit/patch_position.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// line[channels - 1][distance]: how many lines of the ring further on the wanted byte of a bank
/// lies, if the bank's first byte is `distance` bytes behind the first wanted one.
template <int kLanes, int kMaxChannels>
struct StrideTable {
    unsigned char line[kMaxChannels][kLanes] = {};

    constexpr StrideTable() {
        for (int channels = 1; channels <= kMaxChannels; ++channels) {
            for (int column = kLanes - 1; column >= 0; --column) {
                const int bytes = column * channels;
                line[channels - 1][bytes % kLanes] = bytes / kLanes;
            }
        }
    }
};

/// \tparam kLanes          bytes per word; a power of two
/// \tparam kMaxStripBytes  of a strip; a power of two
template <int kLanes, int kMaxStripBytes, int kMaxChannels>
void CutPatches(hls::stream<CutPatchesCommand>& commands,
                hls::stream<Row<ap_uint<8>, kLanes>>& pixels,
                hls::stream<Row<Code, kLanes>>& codes) {
    constexpr int kRing = 2 * kMaxStripBytes;
    constexpr int kLines = kRing / kLanes;
    static constexpr StrideTable<kLanes, kMaxChannels> kStride;
    using Address = ap_uint<BitLength(kRing)>;
    using Line = ap_uint<BitLength(kLines - 1)>;
    using Bank = ap_uint<BitLength(kLanes - 1)>;
    using Count = ap_uint<BitLength(2 * kLanes - 1)>;
    ap_uint<8> ring[kLanes][kLines];
    #pragma HLS ARRAY_PARTITION variable=ring type=complete dim=1
    #pragma HLS BIND_STORAGE variable=ring type=ram_s2p impl=bram

    enum Phase { kIdle, kStarting, kCutting, kEnding };
    Phase phase = kIdle;
    CutPatchesCommand image;
    PatchPosition<Address> position;
    Address arrived = 0;     // end of what is in the ring
    bool room = true;        // for one more word
    bool ready = false;      // all of the strip has arrived
    bool overflows = false;  // the patch has ended, and what is held belongs to it
    Bank held_count = 0;
    Row<Code, kLanes> held;  // codes of a word that is not full
    #pragma HLS ARRAY_PARTITION variable=held.lane type=complete

word:
    M3VIT_FOREVER(commands, phase != kIdle || overflows) {
        #pragma HLS PIPELINE II=1
        const bool cut = ready && !codes.full();
        const bool flush = overflows && !codes.full();
        const bool strip_ends = cut && position.PatchEnds() && position.patch.last;
        const Address waiting = arrived - position.strip_start;
        const Address surplus = arrived - position.strip_end;

        if (cut || flush) {
            const Bank offset = position.address;
            const Bank first_bank = offset - image.channels * held_count;  // of lane 0
            ap_uint<8> wanted[kLanes];
            #pragma HLS ARRAY_PARTITION variable=wanted type=complete

        bank:
            for (int bank = 0; bank < kLanes; ++bank) {
                const Bank distance = bank - offset;
                const Line line = position.address / kLanes + (bank < offset) +
                                  kStride.line[image.channels - 1][distance];
                wanted[bank] = ring[bank][line];
            }

            const bool patch_ends = flush || position.PatchEnds();
            const Count fresh = flush               ? Count(0)
                                : position.row_ends ? Count(position.columns_left)
                                                    : Count(image.columns);
            const Count count = held_count + fresh;
            Row<Code, kLanes> word;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                const Bank bank = first_bank + image.channels * lane;
                const Code code = wanted[bank] - 128;
                const bool keeps = lane < held_count;
                word.lane[lane] = keeps ? held.lane[lane] : lane < count ? code : Code(0);
                if (!keeps || count >= kLanes) held.lane[lane] = code;
            }
            if (patch_ends || count >= kLanes) codes.write(word);
            overflows = patch_ends && count > kLanes;
            held_count = patch_ends && !overflows ? Bank(0) : Bank(count);
        }
        // Addresses differ by less than the ring: twice of it stands for a negative surplus.
        ready = phase == kCutting && !strip_ends && !overflows && surplus < kRing;

        if (room && !pixels.empty()) {
            const Row<ap_uint<8>, kLanes> word = pixels.read();

        store:
            for (int bank = 0; bank < kLanes; ++bank) {
                ring[bank][Line(arrived / kLanes)] = word.lane[bank];
            }
            arrived += kLanes;
        }
        room = waiting <= kRing - 2 * kLanes;

        if (phase == kIdle) {
            if (!commands.empty()) {
                image = commands.read();
                phase = kStarting;
            }
        } else if (phase == kStarting) {
            position.Start(image);
            phase = kCutting;
        } else if (phase == kEnding) {
            position.Align(kLanes);
            phase = kIdle;
        } else if (cut) {
            if (strip_ends && position.strip.last) phase = kEnding;
            position.Step(image);
        }
    }
}

}  // namespace m3vit
