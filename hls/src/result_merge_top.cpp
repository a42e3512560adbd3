/// \file result_merge_top.cpp
/// The join behind the activation table alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/result_router.hpp"

void result_merge_top(hls::stream<m3vit::Passage>& commands,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& plain,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& activated,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=plain
    #pragma HLS INTERFACE mode=axis port=activated
    #pragma HLS INTERFACE mode=axis port=codes
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::ResultMerge<m3vit::kLanes>(commands, plain, activated, codes);
}
