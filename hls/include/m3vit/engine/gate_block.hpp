/// \file gate_block.hpp
/// The blocks of a GATE, in which every token is two rows: its high bytes, then its low bytes.
///
/// The rows are those of a NORM. If that follows a MATMUL row by row, the GATE does so too, some
/// blocks behind: the choice of experts takes longer than the array, which need not wait for it.
#pragma once

#include "m3vit/engine/block.hpp"
#include "m3vit/engine/block_walk.hpp"
#include "m3vit/isa.hpp"

namespace m3vit {

/// Blocks of a MATMUL from those that make some rows to those of their gate.
constexpr int kGateLag = 4;

/// \param walk  over rows of bytes
/// \param skip  tiles of the ring in front of the gate's
template <int kRows>
Block GateBlock(const GateInstruction& fields, const BlockWalk<kRows>& walk, ap_uint<16> skip) {
    #pragma HLS INLINE
    static_assert(kRows % 2 == 0, "both rows of a token are in one block");
    Block block;
    block.kind = kGateSums;
    block.size = {walk.rows(), fields.words, fields.beats, fields.groups};
    block.release = walk.last;
    block.skip = skip;

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
