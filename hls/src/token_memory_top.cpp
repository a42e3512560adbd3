/// \file token_memory_top.cpp
/// The token memory alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/token_memory.hpp"

void token_memory_top(hls::stream<m3vit::TokenReadCommand>& reads, hls::stream<ap_uint<12>>& tokens,
                      hls::stream<m3vit::TokenWriteCommand>& writes_0,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes_0,
                      hls::stream<m3vit::TokenWriteCommand>& writes_1,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes_1,
                      hls::stream<m3vit::TokenWriteCommand>& writes_2,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes_2,
                      hls::stream<m3vit::TokenWriteCommand>& writes_3,
                      hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes_3,
                      hls::stream<m3vit::Row<m3vit::Activation, m3vit::kPanelLanes>>& rows,
                      hls::stream<ap_uint<1>>& reads_retired,
                      hls::stream<ap_uint<1>>& writes_retired) {
    #pragma HLS INTERFACE mode=axis port=reads
    #pragma HLS INTERFACE mode=axis port=tokens
    #pragma HLS INTERFACE mode=axis port=writes_0
    #pragma HLS INTERFACE mode=axis port=codes_0
    #pragma HLS INTERFACE mode=axis port=writes_1
    #pragma HLS INTERFACE mode=axis port=codes_1
    #pragma HLS INTERFACE mode=axis port=writes_2
    #pragma HLS INTERFACE mode=axis port=codes_2
    #pragma HLS INTERFACE mode=axis port=writes_3
    #pragma HLS INTERFACE mode=axis port=codes_3
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=reads_retired
    #pragma HLS INTERFACE mode=axis port=writes_retired
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::TokenMemory<m3vit::kLanes, m3vit::kPanelLanes, m3vit::kTokenWords>(
        reads, tokens, writes_0, codes_0, writes_1, codes_1, writes_2, codes_2, writes_3, codes_3,
        rows, reads_retired, writes_retired);
}
