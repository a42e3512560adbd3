/// \file replay_parameters_top.cpp
/// The ring of parameters alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/replay.hpp"
#include "m3vit/requantise.hpp"

void replay_parameters_top(
    hls::stream<m3vit::Row<m3vit::RequantiseParameter, m3vit::kLanes>>& words,
    hls::stream<m3vit::ReplayCommand>& commands,
    hls::stream<m3vit::Row<m3vit::RequantiseParameter, m3vit::kLanes>>& sent,
    hls::stream<ap_uint<16>>& credits) {
    #pragma HLS INTERFACE mode=axis port=words
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=sent
    #pragma HLS INTERFACE mode=axis port=credits
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::ReplayParameters<m3vit::Row<m3vit::RequantiseParameter, m3vit::kLanes>,
                            m3vit::kParameterWords>(words, commands, sent, credits);
}
