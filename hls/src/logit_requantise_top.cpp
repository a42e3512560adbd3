/// \file logit_requantise_top.cpp
/// Requantise for logits, whose channels are all alike: for synthesis, RTL simulation and its test.
#include "m3vit/config.hpp"
#include "m3vit/requantise.hpp"

void logit_requantise_top(hls::stream<m3vit::RequantiseCommand>& commands,
                          hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& sums,
                          hls::stream<m3vit::Row<m3vit::RequantiseParameter, 1>>& parameters,
                          hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& results) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=axis port=parameters
    #pragma HLS INTERFACE mode=axis port=results
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Requantise<m3vit::kLanes>(commands, sums, parameters, results);
}
