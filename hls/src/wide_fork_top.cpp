/// \file wide_fork_top.cpp
/// The fork of int16 rows alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/row_fork.hpp"

void wide_fork_top(hls::stream<m3vit::Passage>& commands,
                   hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& wide,
                   hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& raw,
                   hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& gate,
                   hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& store) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=wide
    #pragma HLS INTERFACE mode=axis port=raw
    #pragma HLS INTERFACE mode=axis port=gate
    #pragma HLS INTERFACE mode=axis port=store
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::WideFork<m3vit::kLanes>(commands, wide, raw, gate, store);
}
