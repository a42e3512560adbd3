/// \file unpack_top.cpp
/// Weights and parameters out of lines alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/unpack.hpp"

void unpack_top(
    hls::stream<m3vit::Contents>& contents,
    hls::stream<m3vit::Row<ap_uint<8>, m3vit::kReadPorts * m3vit::kBeatBytes>>& lines,
    hls::stream<m3vit::Row<m3vit::RequantiseParameter, m3vit::kLanes>>& parameters,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& tiles) {
    #pragma HLS INTERFACE mode=axis port=contents
    #pragma HLS INTERFACE mode=axis port=lines
    #pragma HLS INTERFACE mode=axis port=parameters
    #pragma HLS INTERFACE mode=axis port=tiles
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Unpack<m3vit::kReadPorts * m3vit::kBeatBytes, m3vit::kLanes, m3vit::kArrayOutputs,
                  m3vit::kArrayInputs>(contents, lines, parameters, tiles);
}
