/// \file activation_top.cpp
/// The activation function alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/activation.hpp"
#include "m3vit/config.hpp"

void activation_top(hls::stream<m3vit::ActivationCommand>& commands,
                    hls::stream<m3vit::Code>& entries,
                    hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes,
                    hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& results) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=entries
    #pragma HLS INTERFACE mode=axis port=codes
    #pragma HLS INTERFACE mode=axis port=results
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::ActivationTable<m3vit::kLanes>(commands, entries, codes, results);
}
