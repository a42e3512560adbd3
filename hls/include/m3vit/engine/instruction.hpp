/// \file instruction.hpp
/// An instruction on its way from the dispatcher to a sequencer.
#pragma once

#include "m3vit/engine/accesses.hpp"

namespace m3vit {

using InstructionBits = ap_uint<256>;  ///< fields as docs/isa.md and m3vit/isa.hpp have them

/// An instruction and how many accesses of its domains came before it.
struct Dispatched {
    ap_uint<64> word[4];        ///< of InstructionBits, the lowest first
    AccessCount after;          ///< writes of the domain that is read (keys and values excepted)
    AccessCount second_after;   ///< ATTENTION: writes of keys and values; EXPERTS: of the hidden
                                ///< buffer, with this instruction's own
    AccessCount reads;          ///< reads of the domain that is written
    AccessCount second_reads;   ///< EXPERTS: reads of the hidden buffer
    AccessCount writes;         ///< writes of the domain that is written
    AccessCount second_writes;  ///< EXPERTS: writes of the hidden buffer
    ap_uint<1> trails;          ///< GATE: it may follow the MATMUL in front block by block
};

/// The fields of `Dispatched` as one number, for m3vit/isa.hpp.
inline InstructionBits BitsOf(const Dispatched& instruction) {
    #pragma HLS INLINE
    InstructionBits bits = 0;

word:
    for (int word = 0; word < 4; ++word) {
        bits |= InstructionBits(instruction.word[word]) << (64 * word);
    }
    return bits;
}

/// Read from memory, by lines of 64 bytes from the arena's start.
struct ReadRequest {
    ap_uint<26> line;
    ap_uint<20> lines;  ///< at least 1
};

/// Write to memory: `beats` of 16 bytes.
struct WriteRequest {
    ap_uint<26> line;
    ap_uint<24> beats;  ///< at least 1
};

constexpr int kBeatBytes = 16;  ///< of an AXI port
constexpr int kLineBytes = 64;  ///< to which everything in memory is aligned

/// How a program ended.
struct Ending {
    ap_uint<8> code;       ///< 0: well; otherwise docs/isa.md
    ap_uint<16> position;  ///< of the instruction in the program
};

}  // namespace m3vit
