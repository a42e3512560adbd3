/// \file sum_router_top.cpp
/// The fork behind the array alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/sum_router.hpp"

void sum_router_top(
    hls::stream<m3vit::Passage>& commands,
    hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens, m3vit::kLanes>>& sums,
    hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens / 2, m3vit::kLanes>>& logits_0,
    hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens / 2, m3vit::kLanes>>& logits_1,
    hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens, m3vit::kLanes>>& others) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=axis port=logits_0
    #pragma HLS INTERFACE mode=axis port=logits_1
    #pragma HLS INTERFACE mode=axis port=others
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::SumRouter<m3vit::kArrayTokens, m3vit::kLanes>(commands, sums, logits_0, logits_1,
                                                         others);
}
