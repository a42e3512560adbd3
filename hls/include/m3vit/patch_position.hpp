/// \file patch_position.hpp
/// Where in an image the next pixels of a patch lie.
///
/// Five nested loops: strips (rows of patches), patches, channels, rows, and the columns that are
/// taken together. Every loop remembers the address at which its iteration began, so that a step
/// is one addition.
#pragma once

#include "m3vit/commands.hpp"

namespace m3vit {

/// One image. Products are part of the command, for multipliers would be too slow beside the state
/// that they feed. `m3vit.sim.streams.patches` makes commands.
struct CutPatchesCommand {
    ap_uint<12> strips;
    ap_uint<12> patches;  ///< of a strip
    ap_uint<3> channels;
    ap_uint<7> patch_size;     ///< P
    ap_uint<8> columns;        ///< pixels per cycle: min(P, kLanes / gcd(channels, kLanes))
    ap_uint<10> column_bytes;  ///< columns x channels
    ap_uint<10> patch_bytes;   ///< P x channels
    ap_uint<20> row_bytes;     ///< W x channels
    ap_uint<20> strip_bytes;   ///< P x W x channels
};

/// \tparam Address  of a byte in a ring buffer, with one more bit, which tells full from empty
template <typename Address>
struct PatchPosition {
    Countdown<12> strip, patch;
    Countdown<3> channel;
    Countdown<7> row;
    ap_uint<7> columns_left;  ///< of the row
    bool row_ends;            ///< after a step over them
    Address strip_start = 0, strip_end = 0;
    Address patch_start, channel_start, row_start;
    Address address;  ///< of the next pixel

    /// Behind an image: the next one begins with a fresh word.
    void Align(int word_bytes) {
        #pragma HLS INLINE
        strip_end = (strip_start + (word_bytes - 1)) / word_bytes * word_bytes;
    }
    /// To the first pixel of an image, which lies at `strip_end`.
    void Start(const CutPatchesCommand& image) {
        #pragma HLS INLINE
        strip.Start(image.strips);
        StartStrip(image);
    }
    bool PatchEnds() const {
        #pragma HLS INLINE
        return row_ends && row.last && channel.last;
    }
    /// Over `image.columns` pixels, or what is left of the row; behind the image at last.
    void Step(const CutPatchesCommand& image) {
        #pragma HLS INLINE
        if (!row_ends) {
            columns_left -= image.columns;
            row_ends = columns_left <= image.columns;
            address += image.column_bytes;
        } else if (!row.last) {
            row.Step();
            StartRow(image, row_start + image.row_bytes);
        } else if (!channel.last) {
            channel.Step();
            StartChannel(image, channel_start + 1);
        } else if (!patch.last) {
            patch.Step();
            StartPatch(image, patch_start + image.patch_bytes);
        } else {
            strip.Step();
            StartStrip(image);
        }
    }

  private:
    void StartStrip(const CutPatchesCommand& image) {
        #pragma HLS INLINE
        patch.Start(image.patches);
        strip_start = strip_end;
        strip_end += image.strip_bytes;
        StartPatch(image, strip_start);
    }
    void StartPatch(const CutPatchesCommand& image, Address start) {
        #pragma HLS INLINE
        channel.Start(image.channels);
        patch_start = start;
        StartChannel(image, start);
    }
    void StartChannel(const CutPatchesCommand& image, Address start) {
        #pragma HLS INLINE
        row.Start(image.patch_size);
        channel_start = start;
        StartRow(image, start);
    }
    void StartRow(const CutPatchesCommand& image, Address start) {
        #pragma HLS INLINE
        columns_left = image.patch_size;
        row_ends = image.patch_size <= image.columns;
        row_start = start;
        address = start;
    }
};

}  // namespace m3vit
