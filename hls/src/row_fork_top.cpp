/// \file row_fork_top.cpp
/// The fork of residual rows alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/row_fork.hpp"

void row_fork_top(hls::stream<m3vit::Passage>& commands,
                  hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& rows,
                  hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& norm,
                  hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& raw,
                  hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& store) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=norm
    #pragma HLS INTERFACE mode=axis port=raw
    #pragma HLS INTERFACE mode=axis port=store
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::RowFork<m3vit::kLanes>(commands, rows, norm, raw, store);
}
