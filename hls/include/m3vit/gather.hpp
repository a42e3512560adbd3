/// \file gather.hpp
/// The rows of an expert's tokens, out of all rows of a layer.
///
///     rows  T x D,  then per expert  tokens  n  ->  gathered  n x D
///
/// All rows of a layer are loaded once, a word a cycle; then any of them leave, any number of
/// times, a word a cycle (II=1; one cycle more per command). Words that leave are those of the
/// array's panel: as wide as kWord / kLanes words that came, which lie in banks side by side.
/// Lanes that no word came for are zeros. No arithmetic.
/// At the `zcu104` design point the array works N / 64 cycles on a word, for N outputs: six cycles
/// on one of M3ViT tiny's experts, so rows come six times as fast as they are used.
/// Equals `inputs[tokens]` in `m3vit.model.integer_ops.run_experts`.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

struct GatherCommand {
    ap_uint<1> load;    ///< take new rows; otherwise emit rows
    ap_uint<12> rows;   ///< to load, or tokens of which to emit the rows; at least 1
    ap_uint<12> words;  ///< of each row, as they come or as they leave; at least 1
    ap_uint<6> parts;   ///< words that came of which the last word that leaves is made
};

/// \tparam kLanes     channels of a word that comes
/// \tparam kWord      channels of a word that leaves
/// \tparam kCapacity  values that are held
template <int kLanes, int kWord, int kCapacity>
void Gather(hls::stream<GatherCommand>& commands, hls::stream<Row<Code, kLanes>>& rows,
            hls::stream<ap_uint<12>>& tokens, hls::stream<Row<Activation, kWord>>& gathered) {
    static_assert(kWord % kLanes == 0, "a word that leaves is made of whole words that came");
    constexpr int kParts = kWord / kLanes;
    constexpr int kDepth = kCapacity / kWord;
    using Address = ap_uint<BitLength(kDepth - 1)>;
    using Part = ap_uint<BitLength(kParts)>;

    Row<Code, kLanes> buffer[kParts][kDepth];
    #pragma HLS AGGREGATE variable=buffer
    #pragma HLS ARRAY_PARTITION variable=buffer complete dim=1
    #pragma HLS BIND_STORAGE variable=buffer type=ram_s2p impl=uram
    LoopNest<12, 12> loops;  // rows, words
    GatherCommand command = {};
    Address start = 0;    // of the row that leaves
    Address address = 0;  // where the next word comes
    Part part = 0;
    ap_uint<12> word = 0;  // of the row that leaves

word:
    M3VIT_FOREVER(commands, loops.running) {
        #pragma HLS PIPELINE II=1
        if (!loops.running) {
            command = commands.read();
            address = 0;
            part = 0;
            word = 0;
            loops.Start(command.rows, command.words);
        } else if (command.load) {
            buffer[part][address] = rows.read();
            const bool filled = part == kParts - 1 || loops.inner.last;
            part = filled ? Part(0) : Part(part + 1);
            if (filled) ++address;
            loops.Step();
        } else {
            if (word == 0) start = tokens.read() * command.words;
            const Address from = start + word;
            Row<Activation, kWord> result;

        lane:
            for (int lane = 0; lane < kWord; ++lane) {
                const Code code = buffer[lane / kLanes][from].lane[lane % kLanes];
                const bool missing = loops.inner.last && lane / kLanes >= command.parts;
                result.lane[lane] = missing ? Activation(0) : Activation(code);
            }
            gathered.write(result);
            word = loops.inner.last ? ap_uint<12>(0) : ap_uint<12>(word + 1);
            loops.Step();
        }
    }
}

}  // namespace m3vit
