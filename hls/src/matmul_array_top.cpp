/// \file matmul_array_top.cpp
/// The matmul array alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/matmul_array.hpp"

void matmul_array_top(
    hls::stream<m3vit::MatmulCommand>& commands,
    hls::stream<m3vit::Tile<m3vit::Activation, m3vit::kArrayTokens, m3vit::kArrayInputs>>&
        activations,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& weights,
    hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens, m3vit::kArrayOutputs>>& sums) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=activations
    #pragma HLS INTERFACE mode=axis port=weights
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::MatmulArray<m3vit::kArrayTokens, m3vit::kArrayInputs, m3vit::kArrayOutputs>(
        commands, activations, weights, sums);
}
