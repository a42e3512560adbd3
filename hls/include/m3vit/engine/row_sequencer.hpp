/// \file row_sequencer.hpp
/// NORM and STORE: what is read of the residual stream, and where its rows go.
///
///     instructions  ->  commands of the residual stream's readers
///
/// An instruction a cycle (II=1). Rows are read behind all writes in front, or behind the last of
/// them as far as it has come: a row is finished with its successor's number of rows at the latest,
/// wherever that write began.
#pragma once

#include <hls_stream.h>

#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/engine/row_fork.hpp"
#include "m3vit/engine/split_bytes.hpp"
#include "m3vit/isa.hpp"
#include "m3vit/layer_norm_types.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

inline void RowSequencer(hls::stream<Dispatched>& instructions,
                         hls::stream<ResidualReadCommand>& reads,
                         hls::stream<Passage>& row_passages, hls::stream<LayerNormCommand>& norms,
                         hls::stream<TokenWriteCommand>& writes,
                         hls::stream<Passage>& wide_passages,
                         hls::stream<SplitBytesCommand>& split_bytes_commands) {
instruction:
    M3VIT_FOREVER(instructions, false) {
        #pragma HLS PIPELINE II=1
        const Dispatched dispatched = instructions.read();
        const InstructionBits bits = BitsOf(dispatched);
        const NormInstruction norm = AsNorm(bits);
        const StoreInstruction store = AsStore(bits);
        const bool stores = OpcodeOf(bits) == kOpcodeStore;
        const bool raw = !stores && norm.raw;
        const bool normalises = !stores && !norm.raw;
        const bool codes = normalises && norm.codes;
        const bool wide = !stores && norm.wide != kNormWideNone;
        const bool gate = !stores && norm.wide == kNormWideGate;

        const ap_uint<12> first = stores ? store.first : norm.first;
        const ap_uint<12> rows = stores ? store.rows : norm.rows;
        const ap_uint<12> words = stores ? store.words : norm.words;
        const ap_uint<20> passing = rows * words;
        const ap_uint<1> bank = stores ? store.bank : norm.bank;
        reads.write({bank, {dispatched.after, ap_uint<16>(first + 1), 1}, first, rows, words});
        row_passages.write({stores ? kToResidualStore : raw ? kToGateRaw : kToNorm, passing});
        if (normalises) {
            norms.write({rows, words, norm.width, norm.epsilon, norm.code_shift, norm.wide_shift,
                         norm.codes, wide, 1});
        }
        if (codes) {
            const WriteOrder order = {dispatched.reads, 1, 1, 1, dispatched.writes};
            writes.write({norm.domain, order, {norm.base, norm.stride}, 0, {rows, 1, words}});
        }
        if (wide) {
            wide_passages.write({raw ? kRawToGate : gate ? kNormToGate : kNormToStore, passing});
        }
        if (gate) split_bytes_commands.write({rows, words});
    }
}

}  // namespace m3vit
