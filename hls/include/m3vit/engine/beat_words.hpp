/// \file beat_words.hpp
/// Words of some bytes in beats of 16 bytes: several to a beat, or several beats to a word.
#pragma once

#include "m3vit/engine/instruction.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

using Beat = Row<ap_uint<8>, kBeatBytes>;

/// \tparam kBytes  of a word, a power of two
template <int kBytes>
struct BeatWords {
    static_assert((kBytes & (kBytes - 1)) == 0, "words and beats fit into each other");
    static constexpr int kWords = kBytes < kBeatBytes ? kBeatBytes / kBytes : 1;  ///< of a beat
    static constexpr int kBeats = kBytes > kBeatBytes ? kBytes / kBeatBytes : 1;  ///< of a word
};

/// Bytes of a kind's word, up to kMaxBytes; the first byte is the lowest.
template <int kMaxBytes>
struct Bytes {
    ap_uint<8> at[kMaxBytes];

    /// An unsigned number of some bytes.
    template <int kCount>
    ap_uint<8 * kCount> Number(int first) const {
        #pragma HLS INLINE
        ap_uint<8 * kCount> number = 0;

    byte:
        for (int byte = 0; byte < kCount; ++byte) {
            number |= ap_uint<8 * kCount>(at[first + byte]) << (8 * byte);
        }
        return number;
    }
    template <int kCount>
    void Put(int first, const ap_uint<8 * kCount>& number) {
        #pragma HLS INLINE

    byte:
        for (int byte = 0; byte < kCount; ++byte) at[first + byte] = number >> (8 * byte);
    }
};

}  // namespace m3vit
