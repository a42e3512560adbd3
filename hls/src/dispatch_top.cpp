/// \file dispatch_top.cpp
/// The dispatcher alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/engine/dispatch.hpp"

void dispatch_top(hls::stream<m3vit::ProgramBeat>& program,
                  hls::stream<ap_uint<1>>& row_reads_retired,
                  hls::stream<ap_uint<1>>& row_writes_retired,
                  hls::stream<ap_uint<1>>& token_reads_retired,
                  hls::stream<ap_uint<1>>& token_writes_retired,
                  hls::stream<ap_uint<1>>& key_value_reads_retired,
                  hls::stream<ap_uint<1>>& key_value_writes_retired,
                  hls::stream<ap_uint<1>>& stores_retired, hls::stream<m3vit::Dispatched>& loads,
                  hls::stream<m3vit::DataCommand>& data, hls::stream<m3vit::Dispatched>& rows,
                  hls::stream<m3vit::Dispatched>& array, hls::stream<m3vit::ImageCommand>& images,
                  hls::stream<m3vit::ResidualWriteCommand>& residual_loads,
                  hls::stream<m3vit::StoreCommand>& stores, hls::stream<m3vit::Ending>& ending) {
    #pragma HLS INTERFACE mode=axis port=program
    #pragma HLS INTERFACE mode=axis port=row_reads_retired
    #pragma HLS INTERFACE mode=axis port=row_writes_retired
    #pragma HLS INTERFACE mode=axis port=token_reads_retired
    #pragma HLS INTERFACE mode=axis port=token_writes_retired
    #pragma HLS INTERFACE mode=axis port=key_value_reads_retired
    #pragma HLS INTERFACE mode=axis port=key_value_writes_retired
    #pragma HLS INTERFACE mode=axis port=stores_retired
    #pragma HLS INTERFACE mode=axis port=loads
    #pragma HLS INTERFACE mode=axis port=data
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=array
    #pragma HLS INTERFACE mode=axis port=images
    #pragma HLS INTERFACE mode=axis port=residual_loads
    #pragma HLS INTERFACE mode=axis port=stores
    #pragma HLS INTERFACE mode=axis port=ending
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Dispatch(program, row_reads_retired, row_writes_retired, token_reads_retired,
                    token_writes_retired, key_value_reads_retired, key_value_writes_retired,
                    stores_retired, loads, data, rows, array, images, residual_loads, stores,
                    ending);
}
