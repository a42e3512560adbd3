/// \file scatter_add_top.cpp
/// Scatter-add alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/scatter_add.hpp"

void scatter_add_top(hls::stream<m3vit::ScatterAddCommand>& commands,
                     hls::stream<m3vit::Visit>& visits,
                     hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& outputs,
                     hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& sums) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=visits
    #pragma HLS INTERFACE mode=axis port=outputs
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::ScatterAdd<m3vit::kLanes, m3vit::kMaxRoutedValues, m3vit::kArrayTokens>(commands, visits,
                                                                                   outputs, sums);
}
