/// \file unpack.hpp
/// Lines of memory to words of parameters and tiles of weights.
///
///     lines  kWord bytes  ->  per chunk  parameters  kLanes,  then tiles  kOutputs x kInputs
///
/// A word of memory a cycle (II=1), also across chunks: as fast as the ports deliver. Bytes behind
/// a chunk's last tile, up to a whole line, are dropped. At `zcu104` a tile takes eight words,
/// a word of parameters two; all but the last one wait in registers. No arithmetic: the formats
/// are in docs/isa.md.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/engine/instruction.hpp"
#include "m3vit/engine/loading.hpp"
#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/requantise.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// Bytes that come in words of kWord: those that came and the present word are the last kBytes.
template <int kBytes, int kWord, int kHeld>
ap_uint<8> ByteOf(int byte, const ap_uint<8> (&held)[kHeld][kWord],
                  const Row<ap_uint<8>, kWord>& word) {
    #pragma HLS INLINE
    const int part = byte / kWord;
    return part == kBytes / kWord - 1 ? word.lane[byte % kWord] : held[part][byte % kWord];
}

/// \tparam kWord  bytes of a word of memory
template <int kWord, int kLanes, int kOutputs, int kInputs>
void Unpack(hls::stream<Contents>& contents, hls::stream<Row<ap_uint<8>, kWord>>& lines,
            hls::stream<Row<RequantiseParameter, kLanes>>& parameters,
            hls::stream<Tile<Code, kOutputs, kInputs>>& tiles) {
    constexpr int kTile = kOutputs * kInputs;
    constexpr int kParameterWord = kLanes * kParameterBytes;
    static_assert(kTile % kWord == 0, "a tile is whole words of memory");
    static_assert(kParameterWord % kWord == 0, "parameters of kLanes channels are whole words");
    static_assert(kLineBytes % kWord == 0, "a line is whole words");
    constexpr int kTileParts = kTile / kWord;
    constexpr int kParameterParts = kParameterWord / kWord;
    constexpr int kLineParts = kLineBytes / kWord;
    constexpr int kParts = kTileParts > kParameterParts ? kTileParts : kParameterParts;

    // Words of what is being put together.
    ap_uint<8> held[kParts][kWord];
    #pragma HLS ARRAY_PARTITION variable=held complete dim=0
    NextCommand<Contents> next;
    enum Phase { kIdle, kParameters, kTiles, kPadding };
    ap_uint<2> phase = kIdle;
    ap_uint<BitLength(kParts - 1) + 1> part = 0;
    ap_uint<BitLength(kLineParts - 1) + 1> line_part = 0;
    Countdown<12> parameter_count;
    Countdown<20> tile_count;

word:
    M3VIT_FOREVER(contents, phase != kIdle || next.ready) {
        #pragma HLS PIPELINE II=1
        bool ends = phase == kIdle;  // the chunk does
        if (phase != kIdle) {
            const Row<ap_uint<8>, kWord> word = lines.read();
            const bool line_ends = line_part == kLineParts - 1;
            line_part = line_ends ? 0 : int(line_part + 1);

        hold:
            for (int place = 0; place < kParts - 1; ++place) {
                if (part == place) {
                byte:
                    for (int byte = 0; byte < kWord; ++byte) held[place][byte] = word.lane[byte];
                }
            }
            if (phase == kParameters) {
                if (part == kParameterParts - 1) {
                    Row<RequantiseParameter, kLanes> row;

                lane:
                    for (int lane = 0; lane < kLanes; ++lane) {
                        ap_uint<8> bytes[kParameterBytes];

                    parameter_byte:
                        for (int byte = 0; byte < kParameterBytes; ++byte) {
                            bytes[byte] =
                                ByteOf<kParameterWord>(lane * kParameterBytes + byte, held, word);
                        }
                        const ap_uint<32> bias = (bytes[3], bytes[2], bytes[1], bytes[0]);
                        const ap_uint<16> multiplier = (bytes[5], bytes[4]);
                        row.lane[lane].bias = bias;
                        row.lane[lane].multiplier = multiplier;
                        row.lane[lane].shift = bytes[6];
                    }
                    parameters.write(row);
                    part = 0;
                    if (parameter_count.last) phase = kTiles;
                    parameter_count.Step();
                } else {
                    ++part;
                }
            } else if (phase == kTiles) {
                if (part == kTileParts - 1) {
                    Tile<Code, kOutputs, kInputs> tile;

                output:
                    for (int output = 0; output < kOutputs; ++output) {
                    input:
                        for (int input = 0; input < kInputs; ++input) {
                            tile.at[output][input] =
                                ByteOf<kTile>(output * kInputs + input, held, word);
                        }
                    }
                    tiles.write(tile);
                    part = 0;
                    if (tile_count.last) {
                        ends = line_ends;
                        phase = kPadding;
                    }
                    tile_count.Step();
                } else {
                    ++part;
                }
            } else {
                ends = line_ends;
            }
        }

        const bool take = ends && next.ready;
        if (take) {
            phase = next.command.parameters == 0 ? kTiles : kParameters;
            parameter_count.Start(next.command.parameters);
            tile_count.Start(next.command.tiles);
        } else if (ends) {
            phase = kIdle;
        }
        next.Fetch(contents, take);
    }
}

}  // namespace m3vit
