/// \file pair_words_top.cpp
/// The joining of attention weights to panel words alone: for synthesis, RTL simulation and its
/// test.
#include "m3vit/config.hpp"
#include "m3vit/engine/pair_words.hpp"

void pair_words_top(hls::stream<m3vit::PairWordsCommand>& commands,
                    hls::stream<m3vit::Row<ap_uint<8>, m3vit::kLanes>>& weights,
                    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& words) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=weights
    #pragma HLS INTERFACE mode=axis port=words
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::PairWords<m3vit::kLanes, m3vit::kPanelLanes, m3vit::kArrayTokens>(commands, weights,
                                                                             words);
}
