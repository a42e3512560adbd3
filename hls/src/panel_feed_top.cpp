/// \file panel_feed_top.cpp
/// The feed of the activation panel alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/panel_feed.hpp"

void panel_feed_top(hls::stream<m3vit::Passage>& commands,
                    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& tokens,
                    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& gate_rows,
                    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& words) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=tokens
    #pragma HLS INTERFACE mode=axis port=gate_rows
    #pragma HLS INTERFACE mode=axis port=words
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::PanelFeed<m3vit::kPanelLanes>(commands, tokens, gate_rows, words);
}
