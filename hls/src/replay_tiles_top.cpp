/// \file replay_tiles_top.cpp
/// The ring of weights alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/replay.hpp"

void replay_tiles_top(
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& words,
    hls::stream<m3vit::ReplayCommand>& commands,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& sent,
    hls::stream<ap_uint<16>>& credits) {
    #pragma HLS INTERFACE mode=axis port=words
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=sent
    #pragma HLS INTERFACE mode=axis port=credits
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::ReplayTiles<m3vit::kArrayOutputs, m3vit::kArrayInputs, m3vit::kWeightTiles>(
        words, commands, sent, credits);
}
