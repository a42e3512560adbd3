/// \file panel_top.cpp
/// The activation panel alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/claims.hpp"
#include "m3vit/panel.hpp"

void panel_top(
    hls::stream<m3vit::PanelCommand>& commands,
    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& rows,
    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& weights_0,
    hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& weights_1,
    hls::stream<m3vit::Tile<m3vit::Activation, m3vit::kArrayTokens, m3vit::kArrayInputs>>& tiles) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=weights_0
    #pragma HLS INTERFACE mode=axis port=weights_1
    #pragma HLS INTERFACE mode=axis port=tiles
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    m3vit::ActivationPanel<m3vit::kArrayTokens, m3vit::kArrayInputs, m3vit::kPanelLanes,
                           m3vit::kMaxBeats>(commands, rows, weights_0, weights_1, tiles);
}
