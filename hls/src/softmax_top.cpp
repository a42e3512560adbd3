/// \file softmax_top.cpp
/// The softmax of half of the array's rows alone: for synthesis, for RTL simulation and for its
/// test.
#include "m3vit/config.hpp"
#include "m3vit/engine/softmax.hpp"

void softmax_top(
    hls::stream<m3vit::SoftmaxCommand>& commands,
    hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens / 2, m3vit::kLanes>>& tiles,
    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& words,
    hls::stream<m3vit::AttentionSum>& sums) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=tiles
    #pragma HLS INTERFACE mode=axis port=words
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::Softmax<m3vit::kArrayTokens / 2, m3vit::kLanes, m3vit::kPanelLanes, m3vit::kMaxTokens>(
        commands, tiles, words, sums);
}
