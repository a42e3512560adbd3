/// \file layer_norm_top.cpp
/// LayerNorm alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/layer_norm.hpp"

void layer_norm_top(hls::stream<m3vit::LayerNormCommand>& commands,
                    hls::stream<m3vit::AffineRow<m3vit::kLanes>>& parameters,
                    hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& rows,
                    hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes,
                    hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& wide) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=parameters
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=codes
    #pragma HLS INTERFACE mode=axis port=wide
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::LayerNorm<m3vit::kLanes, m3vit::kMaxWidth>(commands, parameters, rows, codes, wide);
}
