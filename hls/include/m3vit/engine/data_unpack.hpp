/// \file data_unpack.hpp
/// From beats of memory to pixels, rows of the residual stream, parameters and tables.
///
///     beats  16 bytes  ->  one stream per kind of data
///
/// A beat or a word a cycle (II=1), whichever there is more of. Beats pass through a register as
/// wide as the widest word: a word of several beats leaves as the last of them arrives; a beat of
/// several words gives one a cycle from its low end. Of the last line, what lies behind the last
/// word is dropped. LayerNorm parameters of M3ViT tiny take 96 cycles at `zcu104`, in the shadow of
/// the array; all other data are rarer. No arithmetic. The formats are told in docs/isa.md.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/beat_words.hpp"
#include "m3vit/engine/data_commands.hpp"
#include "m3vit/gate_types.hpp"
#include "m3vit/layer_norm_types.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// How words of a kind lie in beats.
struct UnpackFormat {
    ap_uint<8> beats = 1;  ///< of a word
    ap_uint<5> words = 1;  ///< of a beat
};

/// \tparam kBytes  of a word
template <int kBytes>
UnpackFormat FormatOf() {
    #pragma HLS INLINE
    return {BeatWords<kBytes>::kBeats, BeatWords<kBytes>::kWords};
}

template <int kLanes>
UnpackFormat FormatOf(const ap_uint<3>& kind) {
    #pragma HLS INLINE
    if (kind == kPixelData) return FormatOf<kLanes>();
    if (kind == kRowData) return FormatOf<2 * kLanes>();
    if (kind == kAffineData) return FormatOf<8 * kLanes>();
    if (kind == kTableData) return FormatOf<1>();
    return FormatOf<8>();
}

/// The register that beats pass through: a word of several beats lies at its top, the word of a
/// beat that is next at the bottom of the top beat.
template <int kLanes>
struct UnpackRegister {
    static constexpr int kBytes = 8 * kLanes > kBeatBytes ? 8 * kLanes : kBeatBytes;
    Bytes<kBytes> bytes;

    void Take(const Beat& beat) {
        #pragma HLS INLINE

    byte:
        for (int byte = 0; byte < kBytes - kBeatBytes; ++byte) {
            bytes.at[byte] = bytes.at[byte + kBeatBytes];
        }

    fresh:
        for (int byte = 0; byte < kBeatBytes; ++byte) {
            bytes.at[kBytes - kBeatBytes + byte] = beat.lane[byte];
        }
    }
    /// Over a word of some bytes.
    template <int kSkipped>
    void Skip() {
        #pragma HLS INLINE

    byte:
        for (int byte = kBytes - kBeatBytes; byte + kSkipped < kBytes; ++byte) {
            bytes.at[byte] = bytes.at[byte + kSkipped];
        }
    }
    void Skip(const ap_uint<3>& kind) {
        #pragma HLS INLINE
        if (kind == kPixelData) {
            Skip<kLanes>();
        } else if (kind == kRowData) {
            Skip<2 * kLanes>();
        } else if (kind == kTableData) {
            Skip<1>();
        } else {
            Skip<8>();
        }
    }
    /// Where a word of some bytes begins.
    static constexpr int Start(int word_bytes) {
        return kBytes - (word_bytes > kBeatBytes ? word_bytes : kBeatBytes);
    }

    Row<ap_uint<8>, kLanes> Pixels() const {
        #pragma HLS INLINE
        Row<ap_uint<8>, kLanes> row;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) row.lane[lane] = bytes.at[Start(kLanes) + lane];
        return row;
    }
    Row<Residual, kLanes> ResidualRow() const {
        #pragma HLS INLINE
        Row<Residual, kLanes> row;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) {
            row.lane[lane] = bytes.template Number<2>(Start(2 * kLanes) + 2 * lane);
        }
        return row;
    }
    AffineRow<kLanes> Affine() const {
        #pragma HLS INLINE
        AffineRow<kLanes> row;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) {
            const int start = Start(8 * kLanes) + 8 * lane;
            row.gain[lane] = bytes.template Number<2>(start);
            row.bias[lane] = bytes.template Number<4>(start + 4);
        }
        return row;
    }
    Code Entry() const {
        #pragma HLS INLINE
        return bytes.at[Start(1)];
    }
    GateParameter Gate() const {
        #pragma HLS INLINE
        const ap_uint<64> bits = bytes.template Number<8>(Start(8));
        GateParameter parameter;
        parameter.bias = bits;
        parameter.multiplier = bits >> 35;
        parameter.shift = bits >> 51;
        return parameter;
    }
};

template <int kLanes>
void DataUnpack(hls::stream<DataContents>& contents, hls::stream<Beat>& beats,
                hls::stream<Row<ap_uint<8>, kLanes>>& pixels,
                hls::stream<Row<Residual, kLanes>>& residual_rows,
                hls::stream<AffineRow<kLanes>>& affine, hls::stream<Code>& entries,
                hls::stream<GateParameter>& gate_parameters) {
    constexpr int kLineBeats = kLineBytes / kBeatBytes;
    NextCommand<DataContents> next;
    UnpackRegister<kLanes> held;
    #pragma HLS ARRAY_PARTITION variable=held.bytes.at type=complete
    bool running = false;
    ap_uint<3> kind = 0;
    UnpackFormat format;
    Countdown<22> beat;  // of the lines
    Countdown<24> word;
    bool ended = false;       // all words have left
    Countdown<8> word_beats;  // until a word is complete
    Countdown<5> beat_words;  // in the beat that is held
    bool fresh = true;        // nothing of the beat that is held is left: take another

word:
    M3VIT_FOREVER(contents, running || next.ready) {
        #pragma HLS PIPELINE II=1
        if (running) {
            if (fresh) {
                held.Take(beats.read());
            } else {
                held.Skip(kind);
            }
        }
        const bool complete = word_beats.last;
        const bool leaves = running && complete && !ended;
        if (leaves && kind == kPixelData) pixels.write(held.Pixels());
        if (leaves && kind == kRowData) residual_rows.write(held.ResidualRow());
        if (leaves && kind == kAffineData) affine.write(held.Affine());
        if (leaves && kind == kTableData) entries.write(held.Entry());
        if (leaves && kind == kGateData) gate_parameters.write(held.Gate());

        const bool beat_ends = beat_words.last;
        const bool ends = !running || (beat.last && beat_ends);
        const bool take = ends && next.ready;
        if (take) {
            kind = next.command.kind;
            format = FormatOf<kLanes>(kind);
            beat.Start(ap_uint<22>(next.command.lines) * kLineBeats);
            word.Start(next.command.words);
            word_beats.Start(format.beats);
            beat_words.Start(format.words);
            ended = false;
        } else if (running) {
            if (leaves) {
                ended = word.last;
                word.Step();
            }
            if (fresh && complete) {
                word_beats.Start(format.beats);
            } else if (fresh) {
                word_beats.Step();
            }
            if (beat_ends) {
                beat.Step();
                beat_words.Start(format.words);
            } else {
                beat_words.Step();
            }
        }
        fresh = ends || beat_ends;
        running = !ends || take;
        next.Fetch(contents, take);
    }
}

}  // namespace m3vit
