/// \file attention_context_top.cpp
/// Attention context alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/attention_context.hpp"
#include "m3vit/config.hpp"

void attention_context_top(hls::stream<m3vit::AttentionContextCommand>& commands,
                           hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& products,
                           hls::stream<m3vit::AttentionSum>& sums,
                           hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=products
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=axis port=codes
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::AttentionContext<m3vit::kLanes, m3vit::kArrayTokens>(commands, products, sums, codes);
}
