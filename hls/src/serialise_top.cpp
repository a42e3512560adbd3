/// \file serialise_top.cpp
/// Serialise alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/serialise.hpp"

void serialise_top(hls::stream<m3vit::SerialiseCommand>& commands,
                   hls::stream<m3vit::Tile<m3vit::Sum, m3vit::kArrayTokens, m3vit::kLanes>>& tiles,
                   hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& rows) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=tiles
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Serialise<m3vit::kArrayTokens, m3vit::kLanes>(commands, tiles, rows);
}
