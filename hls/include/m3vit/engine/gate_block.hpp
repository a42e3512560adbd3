/// \file gate_block.hpp
/// The blocks of a GATE, in which every token is two rows: its high bytes, then its low bytes.
#pragma once

#include "m3vit/engine/block.hpp"
#include "m3vit/engine/block_walk.hpp"
#include "m3vit/isa.hpp"

namespace m3vit {

/// \param walk  over rows of bytes
template <int kRows>
Block GateBlock(const GateInstruction& fields, const BlockWalk<kRows>& walk) {
    #pragma HLS INLINE
    static_assert(kRows % 2 == 0, "both rows of a token are in one block");
    Block block;
    block.kind = kGateSums;
    block.size = {walk.rows(), fields.words, fields.beats, fields.groups};
    block.release = walk.last;

    BlockGate& gate = block.gate;
    gate.token = walk.row >> 1;
    gate.experts = fields.experts;
    gate.first = fields.first;
    gate.last = fields.last;
    gate.kept = fields.kept;
    gate.normalise_kept = fields.normalise_kept;
    gate.prune_threshold = fields.prune_threshold;
    gate.load = walk.first;
    gate.picks = fields.pick_count;
    return block;
}

}  // namespace m3vit
