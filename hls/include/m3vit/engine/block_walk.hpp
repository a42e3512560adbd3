/// \file block_walk.hpp
/// A walk over the rows of an instruction, a block at a time.
#pragma once

#include "m3vit/engine/accesses.hpp"

namespace m3vit {

/// \tparam kRows  of a block, but for the last one
template <int kRows>
struct BlockWalk {
    static_assert(kRows >= 1 && kRows <= 64, "a block's number of rows has 7 bits");

    ap_uint<13> row = 0;     ///< the block's first one
    bool first = true;       ///< the block is
    bool last = true;        ///< likewise
    ap_uint<13> left = 0;    ///< rows from the block's first one on
    ap_uint<16> source = 0;  ///< word of the token memory where that row is read
    ap_uint<16> target = 0;  ///< and where it is written

    /// \param count  of rows, at least 1
    void Start(ap_uint<13> count, ap_uint<16> first_source, ap_uint<16> first_target) {
        #pragma HLS INLINE
        row = 0;
        first = true;
        last = count <= kRows;
        left = count;
        source = first_source;
        target = first_target;
    }

    /// To the next block. Strides are from row to row.
    void Step(ap_uint<12> source_stride, ap_uint<12> target_stride) {
        #pragma HLS INLINE
        row += kRows;
        first = false;
        last = left <= 2 * kRows;
        left -= kRows;
        source += source_stride * kRows;
        target += target_stride * kRows;
    }

    /// Of the block.
    ap_uint<7> rows() const {
        #pragma HLS INLINE
        return last ? ap_uint<7>(left) : ap_uint<7>(kRows);
    }

    /// The rows that are there when the block's are: what the block's reads need.
    ap_uint<16> end() const {
        #pragma HLS INLINE
        return row + rows();
    }
};

}  // namespace m3vit
