/// \file join_sums_top.cpp
/// The join of both halves' sums alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/join_sums.hpp"

void join_sums_top(hls::stream<ap_uint<7>>& block_rows, hls::stream<m3vit::AttentionSum>& sums_0,
                   hls::stream<m3vit::AttentionSum>& sums_1,
                   hls::stream<m3vit::AttentionSum>& joined) {
    #pragma HLS INTERFACE mode=axis port=block_rows
    #pragma HLS INTERFACE mode=axis port=sums_0
    #pragma HLS INTERFACE mode=axis port=sums_1
    #pragma HLS INTERFACE mode=axis port=joined
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::JoinSums<m3vit::kArrayTokens>(block_rows, sums_0, sums_1, joined);
}
