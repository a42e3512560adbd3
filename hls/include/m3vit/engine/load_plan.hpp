/// \file load_plan.hpp
/// From instructions to what has to be fetched for them.
///
///     instruction  ->  plan: sizes of its chunks in memory, and how many there are
///
/// A chunk is what the array meets at a time: `groups` words of parameters (a gate has none), then
/// groups x beats tiles of weights. It begins at a line of memory and is padded to one. An
/// instruction a cycle (II=1); here are the multiplications, which take more than one.
#pragma once

#include "m3vit/engine/instruction.hpp"
#include "m3vit/engine/loading.hpp"
#include "m3vit/isa.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

struct ChunkPlan {
    ap_uint<20> lines;  ///< of memory
    Contents contents;
};

struct LoadPlan {
    ap_uint<1> experts;  ///< which experts are needed has to be found out
    ap_uint<26> line;    ///< of the first chunk
    ap_uint<9> count;    ///< chunks, one behind another, or experts
    ChunkPlan chunk;     ///< each of them, or that of an expert's first matmul
    // Of EXPERTS only.
    ChunkPlan second;  ///< of an expert's second matmul; lies behind the first
    Contents both;
    ap_uint<20> expert_lines;  ///< from expert to expert
    ap_uint<8> expert;         ///< the first one
    ap_uint<6> slot;           ///< of the table which were used last time
};

/// \tparam kParameterWord  bytes of a word of parameters
/// \tparam kTile           bytes of a tile
template <int kParameterWord, int kTile>
ChunkPlan PlanChunk(ap_uint<10> groups, ap_uint<8> beats, bool has_parameters) {
    #pragma HLS INLINE
    ChunkPlan plan;
    plan.contents.parameters = has_parameters ? groups : ap_uint<10>(0);
    plan.contents.tiles = groups * beats;
    const ap_uint<26> bytes =
        plan.contents.parameters * kParameterWord + plan.contents.tiles * kTile;
    plan.lines = (bytes + (kLineBytes - 1)) / kLineBytes;
    return plan;
}

template <int kParameterWord, int kTile>
void PlanLoads(hls::stream<Dispatched>& instructions, hls::stream<LoadPlan>& plans) {
instruction:
    M3VIT_FOREVER(instructions, false) {
        #pragma HLS PIPELINE II=1
        const InstructionBits bits = BitsOf(instructions.read());
        const bool is_gate = OpcodeOf(bits) == kOpcodeGate;
        const bool is_experts = OpcodeOf(bits) == kOpcodeExperts;
        const MatmulInstruction matmul = AsMatmul(bits);
        const GateInstruction gate = AsGate(bits);
        const ExpertsInstruction experts = AsExperts(bits);

        LoadPlan plan;
        ap_uint<10> groups = matmul.groups;
        ap_uint<8> beats = matmul.beats;
        plan.line = matmul.weights;
        plan.count = matmul.chunks;
        if (is_gate) {
            groups = gate.groups;
            beats = gate.beats;
            plan.line = gate.weights;
            plan.count = 1;
        } else if (is_experts) {
            groups = experts.up_groups;
            beats = experts.up_beats;
            plan.line = experts.weights;
            plan.count = experts.experts;
        }
        plan.experts = is_experts;
        plan.chunk = PlanChunk<kParameterWord, kTile>(groups, beats, !is_gate);
        plan.second =
            PlanChunk<kParameterWord, kTile>(experts.down_groups, experts.down_beats, true);
        plan.both.parameters = plan.chunk.contents.parameters + plan.second.contents.parameters;
        plan.both.tiles = plan.chunk.contents.tiles + plan.second.contents.tiles;
        plan.expert_lines = experts.expert_lines;
        plan.expert = experts.first;
        plan.slot = experts.slot;
        plans.write(plan);
    }
}

}  // namespace m3vit
