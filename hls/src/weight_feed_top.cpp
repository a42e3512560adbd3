/// \file weight_feed_top.cpp
/// The feed of weights alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/weight_feed.hpp"

void weight_feed_top(
    hls::stream<m3vit::Passage>& commands,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& weights,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& key_values,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& tiles) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=weights
    #pragma HLS INTERFACE mode=axis port=key_values
    #pragma HLS INTERFACE mode=axis port=tiles
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::WeightFeed<m3vit::kArrayOutputs, m3vit::kArrayInputs>(commands, weights, key_values,
                                                                 tiles);
}
