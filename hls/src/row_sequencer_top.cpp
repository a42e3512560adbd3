/// \file row_sequencer_top.cpp
/// The sequencer of rows alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/engine/row_sequencer.hpp"

void row_sequencer_top(hls::stream<m3vit::Dispatched>& instructions,
                       hls::stream<m3vit::ResidualReadCommand>& reads,
                       hls::stream<m3vit::Passage>& row_passages,
                       hls::stream<m3vit::LayerNormCommand>& norms,
                       hls::stream<m3vit::TokenWriteCommand>& writes,
                       hls::stream<m3vit::Passage>& wide_passages,
                       hls::stream<m3vit::SplitBytesCommand>& split_bytes_commands) {
    #pragma HLS INTERFACE mode=axis port=instructions
    #pragma HLS INTERFACE mode=axis port=reads
    #pragma HLS INTERFACE mode=axis port=row_passages
    #pragma HLS INTERFACE mode=axis port=norms
    #pragma HLS INTERFACE mode=axis port=writes
    #pragma HLS INTERFACE mode=axis port=wide_passages
    #pragma HLS INTERFACE mode=axis port=split_bytes_commands
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::RowSequencer(instructions, reads, row_passages, norms, writes, wide_passages,
                        split_bytes_commands);
}
