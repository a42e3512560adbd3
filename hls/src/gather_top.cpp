/// \file gather_top.cpp
/// Gathering of rows alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/gather.hpp"

void gather_top(hls::stream<m3vit::GatherCommand>& commands,
                hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& rows,
                hls::stream<ap_uint<12>>& tokens,
                hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& gathered) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=tokens
    #pragma HLS INTERFACE mode=axis port=gathered
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Gather<m3vit::kLanes, m3vit::kPanelLanes, m3vit::kMaxRoutedValues>(commands, rows,
                                                                              tokens, gathered);
}
