/// \file residual_memory_top.cpp
/// The residual memory alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/residual_memory.hpp"

void residual_memory_top(hls::stream<m3vit::ResidualWriteCommand>& loads,
                         hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& loaded,
                         hls::stream<m3vit::ResidualWriteCommand>& writes,
                         hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& branches,
                         hls::stream<m3vit::Visit>& visits,
                         hls::stream<m3vit::ResidualReadCommand>& reads,
                         hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& rows,
                         hls::stream<ap_uint<1>>& reads_retired,
                         hls::stream<ap_uint<1>>& writes_retired) {
    #pragma HLS INTERFACE mode=axis port=loads
    #pragma HLS INTERFACE mode=axis port=loaded
    #pragma HLS INTERFACE mode=axis port=writes
    #pragma HLS INTERFACE mode=axis port=branches
    #pragma HLS INTERFACE mode=axis port=visits
    #pragma HLS INTERFACE mode=axis port=reads
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=reads_retired
    #pragma HLS INTERFACE mode=axis port=writes_retired
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::ResidualMemory<m3vit::kLanes, m3vit::kResidualWords, m3vit::kArrayTokens>(
        loads, loaded, writes, branches, visits, reads, rows, reads_retired, writes_retired);
}
