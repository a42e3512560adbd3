/// \file attention_weights_top.cpp
/// Attention weights alone: for synthesis, for RTL simulation and for their test.
#include "m3vit/attention_weights.hpp"
#include "m3vit/config.hpp"

void attention_weights_top(hls::stream<m3vit::AttentionWeightsCommand>& commands,
                           hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& logits,
                           hls::stream<m3vit::Row<m3vit::AttentionWeight, m3vit::kLanes>>& weights,
                           hls::stream<m3vit::AttentionSum>& sums) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=logits
    #pragma HLS INTERFACE mode=axis port=weights
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::AttentionWeights<m3vit::kLanes, m3vit::kArrayTokens, m3vit::kMaxTokens>(commands, logits,
                                                                                   weights, sums);
}
