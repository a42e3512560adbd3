/// \file key_value_memory_top.cpp
/// The memory of keys and values alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/key_value_memory.hpp"

void key_value_memory_top(
    hls::stream<m3vit::KeyValueWriteCommand>& writes,
    hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes,
    hls::stream<m3vit::KeyValueReadCommand>& reads,
    hls::stream<m3vit::Tile<m3vit::Code, m3vit::kArrayOutputs, m3vit::kArrayInputs>>& tiles,
    hls::stream<ap_uint<1>>& reads_retired, hls::stream<ap_uint<1>>& writes_retired) {
    #pragma HLS INTERFACE mode=axis port=writes
    #pragma HLS INTERFACE mode=axis port=codes
    #pragma HLS INTERFACE mode=axis port=reads
    #pragma HLS INTERFACE mode=axis port=tiles
    #pragma HLS INTERFACE mode=axis port=reads_retired
    #pragma HLS INTERFACE mode=axis port=writes_retired
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::KeyValueMemory<m3vit::kLanes, m3vit::kArrayInputs, m3vit::kKeyValueTiles>(
        writes, codes, reads, tiles, reads_retired, writes_retired);
}
