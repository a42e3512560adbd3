/// \file attention_block.hpp
/// The blocks of an ATTENTION: logits and context of the same queries, some blocks apart.
///
/// Between the two the softmax has to pass, so the array works on the logits of further queries
/// before it comes to a context: of the same head or, if an ATTENTION of the same buffer follows,
/// of the next one.
#pragma once

#include "m3vit/engine/block.hpp"
#include "m3vit/engine/block_walk.hpp"
#include "m3vit/isa.hpp"

namespace m3vit {

/// Blocks of logits between those of some queries and their context.
constexpr int kAttentionLead = 5;

template <int kRows>
Block LogitsBlock(const AttentionInstruction& fields, const Dispatched& counts,
                  const BlockWalk<kRows>& walk) {
    #pragma HLS INLINE
    Block block;
    block.kind = kLogits;
    block.size = {walk.rows(), fields.words, fields.beats, fields.key_groups};
    block.source = {
        fields.domain, {counts.after, walk.end(), walk.last}, {walk.source, fields.stride}, 0};
    block.key_values = {counts.second_after, 0, fields.key_base};
    block.scale.multiplier = fields.logit_multiplier;
    block.scale.shift = fields.logit_shift;
    block.keys = fields.keys;
    return block;
}

/// \tparam kParts  words of kLanes weights in a panel word, a power of two
template <int kRows, int kParts>
Block ContextBlock(const AttentionInstruction& fields, const Dispatched& counts,
                   const BlockWalk<kRows>& walk) {
    #pragma HLS INLINE
    const ap_uint<12> words = (fields.key_groups + (kParts - 1)) / kParts;
    Block block;
    block.kind = kContext;
    block.size = {walk.rows(), words, fields.value_beats, fields.value_groups};
    block.key_values = {counts.second_after, walk.last, fields.value_base};
    block.scale.multiplier = fields.multiplier;
    block.scale.shift = fields.shift;
    block.scale.zero_point = fields.zero_point;

    BlockTarget& target = block.target;
    target.domain = fields.to_domain;
    target.order = {counts.reads, walk.first, 1, walk.last, counts.writes};
    target.place = {walk.target, fields.to_stride};
    target.offset = fields.to_offset;
    return block;
}

/// Contexts whose logits are under way, oldest first.
struct WaitingContexts {
    Block block[kAttentionLead + 1];
    ap_uint<BitLength(kAttentionLead + 1)> count = 0;
    bool any = false;   ///< count != 0
    bool full = false;  ///< before further logits a context has to go

    void Push(const Block& last) {
        #pragma HLS INLINE
    place:
        for (int place = 0; place <= kAttentionLead; ++place) {
            if (place == count) block[place] = last;
        }
        full = count == kAttentionLead;
        any = true;
        ++count;
    }
    /// Let the first one go.
    void Pop() {
        #pragma HLS INLINE
    place:
        for (int place = 0; place < kAttentionLead; ++place) block[place] = block[place + 1];
        full = false;
        any = count != 1;
        --count;
    }
};

}  // namespace m3vit
