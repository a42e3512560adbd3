/// \file expert_block.hpp
/// The blocks of one expert of an EXPERTS: the tokens of its queue to hidden rows, and these to
/// what the expert adds to the residual stream.
///
/// The hidden rows of every expert begin at the same place. Nothing is overwritten too early: the
/// token memory reads in the order of the blocks, and what an expert writes comes behind what it
/// has read, which is behind all that the experts in front of it have read.
#pragma once

#include "m3vit/engine/block.hpp"
#include "m3vit/engine/block_walk.hpp"
#include "m3vit/isa.hpp"

namespace m3vit {

/// Which of the experts that have tokens.
struct ExpertTurn {
    bool first = true;
    bool last = true;
    ap_uint<16> hidden = 0;  ///< rows of all experts in front
};

/// Outputs that go to the residual stream by score are int16.
constexpr int kExpertBits = 16;

template <int kRows>
Block UpBlock(const ExpertsInstruction& fields, const Dispatched& counts,
              const BlockWalk<kRows>& walk, const ExpertTurn& turn) {
    #pragma HLS INLINE
    const bool ends = walk.last && turn.last;
    Block block;
    block.kind = kProduct;
    block.size = {walk.rows(), fields.up_words, fields.up_beats, fields.up_groups};
    block.release = walk.last;
    block.source = {
        fields.domain, {counts.after, fields.rows, ends}, {fields.base, fields.stride}, 1};
    block.scale.zero_point = fields.zero_point;
    block.scale.bits = 8;

    BlockTarget& target = block.target;
    target.way = kToActivation;
    target.domain = fields.hidden_domain;
    target.order = {counts.second_reads, walk.first && turn.first, 1, ends, counts.second_writes};
    target.place = {walk.target, fields.hidden_stride};
    return block;
}

template <int kRows>
Block DownBlock(const ExpertsInstruction& fields, const Dispatched& counts,
                const BlockWalk<kRows>& walk, const ExpertTurn& turn) {
    #pragma HLS INLINE
    const bool ends = walk.last && turn.last;
    const ap_uint<16> need = turn.hidden + walk.end();
    Block block;
    block.kind = kProduct;
    block.size = {walk.rows(), fields.down_words, fields.down_beats, fields.down_groups};
    block.release = walk.last;
    block.source = {fields.hidden_domain,
                    {counts.second_after, need, ends},
                    {walk.source, fields.hidden_stride},
                    0};
    block.scale.bits = kExpertBits;

    BlockTarget& target = block.target;
    target.way = kToResidual;
    target.domain = ResidualDomain(fields.bank);
    // Rows come as tokens have chosen: none is finished before all are.
    target.order = {counts.reads, walk.first && turn.first, 0, ends, counts.writes};
    target.place = {fields.to_first, fields.residual_words};
    target.scatter = 1;
    return block;
}

/// A chunk of an expert that was fetched before anyone knew that it has no tokens.
inline Block DropBlock(const ExpertsInstruction& fields, bool up) {
    #pragma HLS INLINE
    Block block;
    block.kind = kDrop;
    block.size.beats = up ? fields.up_beats : fields.down_beats;
    block.size.groups = up ? fields.up_groups : fields.down_groups;
    block.release = 1;
    return block;
}

}  // namespace m3vit
