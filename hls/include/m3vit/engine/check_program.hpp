/// \file check_program.hpp
/// From a program's beats to instructions that are known to be safe.
///
///     program  2 beats per instruction  ->  instructions
///
/// Whatever the bits: an instruction leaves with kCodeWell only if nothing that it does can leave
/// the memories on the chip, or wait for what never comes. A beat a cycle (II=1); nothing flows
/// back from the checks, so they may take as many stages as their multipliers need.
#pragma once

#include <hls_stream.h>

#include "m3vit/engine/check.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

using ProgramBeat = Row<ap_uint<32>, 4>;

/// What must follow: rows on their way to a gate need their GATE next, for the array would wait for
/// it; and what a GATE chose needs its EXPERTS.
struct ProgramOrder {
    bool begun = false;
    bool rows_wait = false;
    ap_uint<12> rows = 0;   ///< of the NORM
    ap_uint<12> words = 0;  ///< of kPanelLanes, of a row of bytes
    bool choice_waits = false;
    ap_uint<12> tokens = 0;  ///< of the GATE
    ap_uint<8> first = 0;
    ap_uint<9> experts = 0;
    bool adds = false;     ///< the instruction in front is a MATMUL as `Trails` wants it
    Domain domain = 0;     ///< that it reads
    bool follows = false;  ///< the NORM follows it row by row

    /// A GATE may follow a MATMUL in front of its NORM block by block. The array, which works on
    /// its blocks in order, must never wait for rows of the MATMUL's further blocks: row i of the
    /// NORM needs what the MATMUL adds to row i and nothing else of it, and both matrices fit the
    /// ring.
    bool Trails(const InstructionBits& bits, const MatrixClaim& matrix) const {
        #pragma HLS INLINE
        return OpcodeOf(bits) == kOpcodeGate && follows && IsSmall(matrix);
    }

    static bool IsSmall(const MatrixClaim& matrix) {
        #pragma HLS INLINE
        const ap_uint<18> tiles = matrix.groups * matrix.beats;
        return tiles <= kWeightTiles / 2;
    }

    /// The instruction may come here, but for its pairs.
    bool Begins(const ap_uint<4>& opcode) const {
        #pragma HLS INLINE
        return begun == (opcode != kOpcodeBegin);
    }

    /// It has the partners that it needs, and none that waits is left alone.
    bool Pairs(const InstructionBits& bits) const {
        #pragma HLS INLINE
        const ap_uint<4> opcode = OpcodeOf(bits);
        const GateInstruction gate = AsGate(bits);
        const ExpertsInstruction chosen = AsExperts(bits);
        if (opcode == kOpcodeGate) {
            return rows_wait && !choice_waits && gate.rows == rows && gate.words == words;
        }
        if (opcode == kOpcodeExperts) {
            return !rows_wait && choice_waits && chosen.rows == tokens && chosen.first == first &&
                   chosen.experts == experts;
        }
        if (opcode == kOpcodeNorm) {
            return AsNorm(bits).wide != kNormWideGate || (!rows_wait && !choice_waits);
        }
        if (opcode == kOpcodeEnd) return !rows_wait && !choice_waits;
        if (opcode == kOpcodeMatmul || opcode == kOpcodeAttention) return !rows_wait;
        return true;
    }

    void Step(const InstructionBits& bits, const MatrixClaim& matrix) {
        #pragma HLS INLINE
        const ap_uint<4> opcode = OpcodeOf(bits);
        const MatmulInstruction matmul = AsMatmul(bits);
        if (opcode == kOpcodeNorm) {
            const NormInstruction norm = AsNorm(bits);
            if (norm.wide == kNormWideGate) {
                rows_wait = true;
                rows = norm.rows;
                words = PanelWords(norm.words);
                follows = adds && norm.first == 0 && (!norm.codes || norm.domain != domain);
            }
        } else if (opcode == kOpcodeGate) {
            const GateInstruction gate = AsGate(bits);
            rows_wait = false;
            choice_waits = true;
            tokens = gate.rows;
            first = gate.first;
            experts = gate.last - gate.first;
        } else if (opcode == kOpcodeExperts) {
            choice_waits = false;
        } else if (opcode == kOpcodeBegin || opcode == kOpcodeEnd) {
            begun = opcode == kOpcodeBegin;
            rows_wait = false;
            choice_waits = false;
        }
        adds = opcode == kOpcodeMatmul && matmul.destination == kDestinationResidual &&
               matmul.first == 0 && IsSmall(matrix);
        domain = matmul.domain;
    }
};

/// What is wrong with the fields of a BEGIN.
inline bool IsForThis(const BeginInstruction& begin) {
    #pragma HLS INLINE
    return begin.design == kDesignId && begin.version == kIsaVersion;
}

inline Checked Check(const InstructionBits& bits, const Claims& claims, bool known,
                     const ProgramOrder& order) {
    #pragma HLS INLINE
    const ap_uint<4> opcode = OpcodeOf(bits);
    Checked checked;

word:
    for (int word = 0; word < 4; ++word) checked.word[word] = bits >> (64 * word);
    checked.code = !known                                                ? kCodeUnknown
                   : !order.Begins(opcode)                               ? kCodeOrder
                   : opcode == kOpcodeBegin && !IsForThis(AsBegin(bits)) ? kCodeDesign
                   : !Fits(claims)                                       ? kCodeField
                   : !order.Pairs(bits)                                  ? kCodeOrder
                                                                         : kCodeWell;
    checked.trails = order.Trails(bits, claims.matrix);
    checked.uses = claims.uses;
    checked.data = {claims.data_kind, claims.data.line, claims.data.beats,
                    ap_uint<24>(claims.data.words)};
    checked.store = {claims.store_source, claims.store.line, ap_uint<24>(claims.store.beats),
                     ap_uint<24>(claims.store.words)};
    return checked;
}

inline void CheckProgram(hls::stream<ProgramBeat>& program, hls::stream<Checked>& instructions) {
    bool second = false;  // beat of an instruction
    ProgramBeat held;
    ProgramOrder order;

beat:
    M3VIT_FOREVER(program, false) {
        #pragma HLS PIPELINE II=1
        const ProgramBeat beat = program.read();
        if (second) {
            InstructionBits bits = 0;

        lane:
            for (int lane = 0; lane < 4; ++lane) {
                bits |= InstructionBits(held.lane[lane]) << (32 * lane);
                bits |= InstructionBits(beat.lane[lane]) << (32 * lane + 128);
            }
            bool known;
            const Claims claims = ClaimsOf(bits, known);
            instructions.write(Check(bits, claims, known, order));
            order.Step(bits, claims.matrix);
        }
        held = beat;
        second = !second;
    }
}

}  // namespace m3vit
