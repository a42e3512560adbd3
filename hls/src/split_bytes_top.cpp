/// \file split_bytes_top.cpp
/// The bytes of a gate's inputs alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/split_bytes.hpp"

void split_bytes_top(hls::stream<m3vit::SplitBytesCommand>& commands,
                     hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& rows,
                     hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& words) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=words
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    constexpr int kMaxWords = (m3vit::kMaxWidth + m3vit::kPanelLanes - 1) / m3vit::kPanelLanes;

    m3vit::SplitBytes<m3vit::kLanes, m3vit::kPanelLanes, kMaxWords>(commands, rows, words);
}
