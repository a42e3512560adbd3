/// \file claims.hpp
/// What an instruction lays claim to, and whether the hardware has it.
///
/// Instructions differ in their fields, but they use the same few things: rows of the token memory
/// and of the residual stream, matrices, keys and values, memory. So each is turned into claims,
/// and every kind of claim is checked in one place, by one multiplier. Nothing here depends on an
/// earlier instruction: the checks are a pipeline without feedback, as deep as it has to be.
/// Equals the rules in docs/isa.md.
#pragma once

#include "m3vit/config.hpp"
#include "m3vit/engine/data_commands.hpp"
#include "m3vit/isa.hpp"

namespace m3vit {

/// value / kUnit, rounded up.
template <int kUnit, int kBits>
ap_uint<kBits> Units(const ap_uint<kBits>& value) {
    #pragma HLS INLINE
    static_assert(kUnit < 512, "a unit has 9 bits");
    return ap_uint<kBits + 8>(value + (kUnit - 1)) / ap_uint<9>(kUnit);
}

/// Words of kPanelLanes that hold so many words of kLanes.
template <int kBits>
ap_uint<kBits> PanelWords(const ap_uint<kBits>& words) {
    #pragma HLS INLINE
    return Units<kPanelLanes / kLanes>(words);
}

/// Rows of the token memory.
struct TokenClaim {
    bool used = false;
    Domain domain = 0;
    ap_uint<16> base = 0;
    ap_uint<12> stride = 0;
    ap_uint<12> rows = 0;
    ap_uint<18> words = 0;  ///< of kPanelLanes
};

inline bool Fits(const TokenClaim& claim) {
    #pragma HLS INLINE
    const ap_uint<12> further = claim.rows - 1;
    const ap_uint<24> last = further * claim.stride;
    const ap_uint<26> end = claim.base + last + claim.words;
    return !claim.used || (claim.domain < kTokenDomains && claim.rows != 0 &&
                           claim.rows <= kMaxTokens && claim.words != 0 && end <= kTokenWords);
}

/// Rows of the residual stream; row i begins at word i x stride.
struct ResidualClaim {
    bool used = false;
    ap_uint<12> first = 0;
    ap_uint<12> rows = 0;
    ap_uint<12> stride = 0;
    ap_uint<18> words = 0;  ///< of kLanes
};

inline bool Fits(const ResidualClaim& claim) {
    #pragma HLS INLINE
    const ap_uint<13> row = claim.first + claim.rows - 1;
    const ap_uint<25> start = row * claim.stride;
    const ap_uint<26> end = start + claim.words;
    return !claim.used || (claim.rows != 0 && claim.rows <= kMaxTokens && claim.words != 0 &&
                           claim.words <= claim.stride && end <= kResidualWords);
}

/// Beats of the longest row on its way into the array: of channels, or of attention weights.
constexpr int kMaxBeats =
    RowBeats(kMaxHidden > kMaxTokens ? kMaxHidden : kMaxTokens, kArrayInputs, kPanelLanes);

/// A matrix: `groups` x `beats` tiles, in a ring, or neighbours in the key-value memory.
struct MatrixClaim {
    bool used = false;
    ap_uint<8> beats = 0;
    ap_uint<18> wanted = 0;  ///< beats, from the number of inputs
    ap_uint<10> groups = 0;
    ap_uint<12> base = 0;   ///< tile
    ap_uint<16> tiles = 0;  ///< that there are
};

/// Beats of inputs that come in panel words.
inline ap_uint<18> BeatsOf(const ap_uint<12>& words) {
    #pragma HLS INLINE
    constexpr int kParts = kPanelLanes < kArrayInputs ? kArrayInputs / kPanelLanes : 1;
    constexpr int kSpan = kPanelLanes < kArrayInputs ? 1 : kPanelLanes / kArrayInputs;
    return Units<kParts>(words) * kSpan;
}

inline bool Fits(const MatrixClaim& claim) {
    #pragma HLS INLINE
    const ap_uint<18> size = claim.groups * claim.beats;
    return !claim.used || (claim.groups != 0 && claim.beats != 0 && claim.beats == claim.wanted &&
                           claim.beats <= kMaxBeats && claim.base + size <= claim.tiles);
}

/// Keys or values that are written; see KeyValueWriteCommand.
struct KeyValueClaim {
    bool used = false;
    bool values = false;
    ap_uint<16> base = 0;
    ap_uint<12> head_tiles = 0;
    ap_uint<12> step = 0;
    ap_uint<6> head_words = 0;
    ap_uint<10> words = 0;  ///< of a row
    ap_uint<12> token = 0;
    ap_uint<12> rows = 0;
};

/// words / divisor by long division; all ones if the divisor is zero.
inline ap_uint<10> Quotient(const ap_uint<10>& words, const ap_uint<6>& divisor) {
    #pragma HLS INLINE
    ap_uint<10> quotient = 0;
    ap_uint<7> rest = 0;

bit:
    for (int bit = 9; bit >= 0; --bit) {
        rest = ap_uint<7>(rest << 1) | ap_uint<7>(words[bit]);
        const bool takes = rest >= divisor;
        if (takes) rest -= divisor;
        quotient[bit] = takes;
    }
    return quotient;
}

inline bool Fits(const KeyValueClaim& claim) {
    #pragma HLS INLINE
    const ap_uint<13> rows_end = claim.token + claim.rows;
    const ap_uint<13> last_token = rows_end - 1;
    const ap_uint<6> last_word = claim.head_words - 1;
    const ap_uint<10> last_head = Quotient(ap_uint<10>(claim.words - 1), claim.head_words);
    // The two loops over a head's tiles; only the outer one is strided.
    const ap_uint<13> outer =
        claim.values ? ap_uint<13>(last_word) : ap_uint<13>(last_token / ap_uint<9>(kArrayOutputs));
    const ap_uint<13> inner = claim.values
                                  ? ap_uint<13>(last_token / ap_uint<9>(kArrayInputs))
                                  : ap_uint<13>(last_word / ap_uint<9>(kArrayInputs / kLanes));
    const ap_uint<22> head = last_head * claim.head_tiles;
    const ap_uint<25> stepped = outer * claim.step;
    const ap_uint<27> last = claim.base + head + stepped + inner;
    constexpr int kMaxStep = 255;
    return !claim.used ||
           (claim.words != 0 && claim.head_words != 0 && claim.rows != 0 &&
            rows_end <= kMaxTokens && claim.step <= kMaxStep && last < kKeyValueTiles);
}

/// Words in memory: `beats` as the instruction tells them.
struct MemoryClaim {
    bool used = false;
    ap_uint<26> line = 0;
    ap_uint<20> beats = 0;
    ap_uint<30> words = 0;
    ap_uint<8> word_bytes_log = 0;  ///< log2 of the bytes of a word
};

inline bool Fits(const MemoryClaim& claim) {
    #pragma HLS INLINE
    const ap_uint<44> bytes = ap_uint<44>(claim.words) << claim.word_bytes_log;
    return !claim.used || (claim.beats != 0 && Units<kBeatBytes>(bytes) == claim.beats);
}

}  // namespace m3vit
