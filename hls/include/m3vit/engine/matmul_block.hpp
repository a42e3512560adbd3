/// \file matmul_block.hpp
/// The blocks of a MATMUL: all rows for the first chunk of channels, then all for the next one.
///
/// So a chunk of weights stays in the ring until all rows have met it, and goes with the last.
#pragma once

#include "m3vit/engine/block.hpp"
#include "m3vit/engine/block_walk.hpp"
#include "m3vit/isa.hpp"

namespace m3vit {

/// Which chunk of channels.
struct ChunkWalk {
    bool first = true;
    Countdown<8> count;
    ap_uint<12> offset = 0;  ///< its first word of kLanes

    void Start(ap_uint<8> chunks) {
        #pragma HLS INLINE
        first = true;
        count.Start(chunks);
        offset = 0;
    }
    void Step(ap_uint<10> groups) {
        #pragma HLS INLINE
        first = false;
        count.Step();
        offset += groups;
    }
};

template <int kRows>
Block MatmulBlock(const MatmulInstruction& fields, const Dispatched& counts,
                  const BlockWalk<kRows>& walk, const ChunkWalk& chunk) {
    #pragma HLS INLINE
    const bool ends = walk.last && chunk.count.last;
    Block block;
    block.kind = kProduct;
    block.size = {walk.rows(), fields.words, fields.beats, fields.groups};
    block.release = walk.last;
    block.source = {
        fields.domain, {counts.after, walk.end(), ends}, {walk.source, fields.stride}, 0};
    block.scale.zero_point = fields.zero_point;
    block.scale.bits = fields.bits;

    BlockTarget& target = block.target;
    target.order = {counts.reads, walk.first && chunk.first, chunk.count.last, ends, counts.writes};
    target.place.stride = fields.to_stride;
    if (fields.destination == kDestinationTokens) {
        target.way = fields.activate ? kToActivation : kToTokens;
        target.domain = fields.to_domain;
        target.place.base = walk.target;
        target.offset = chunk.offset;
    } else if (fields.destination == kDestinationResidual) {
        target.way = kToResidual;
        target.domain = ResidualDomain(fields.bank);
        target.place.base = fields.first + walk.row;
        target.offset = chunk.offset;
    } else if (fields.destination == kDestinationMemory) {
        target.way = kToStore;
    } else {
        target.way = kToKeyValues;
        target.memory = fields.destination == kDestinationKeys ? kKeys : kValues;
        target.place.base = fields.to_base;
        target.offset = fields.first + walk.row;
        target.step = fields.step;
        target.head_words = fields.head_words;
    }
    return block;
}

}  // namespace m3vit
