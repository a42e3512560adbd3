/// \file loader_top.cpp
/// The loader of weights alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/loader.hpp"

void loader_top(hls::stream<m3vit::Dispatched>& instructions, hls::stream<m3vit::Queue>& queues,
                hls::stream<ap_uint<16>>& tile_credits, hls::stream<ap_uint<16>>& parameter_credits,
                hls::stream<m3vit::ReadRequest>& requests, hls::stream<m3vit::Contents>& contents,
                hls::stream<m3vit::Fetched>& fetched) {
    #pragma HLS INTERFACE mode=axis port=instructions
    #pragma HLS INTERFACE mode=axis port=queues
    #pragma HLS INTERFACE mode=axis port=tile_credits
    #pragma HLS INTERFACE mode=axis port=parameter_credits
    #pragma HLS INTERFACE mode=axis port=requests
    #pragma HLS INTERFACE mode=axis port=contents
    #pragma HLS INTERFACE mode=axis port=fetched
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    m3vit::Loader<m3vit::kLanes, m3vit::kArrayOutputs, m3vit::kArrayInputs, m3vit::kWeightTiles,
                  m3vit::kParameterWords, m3vit::kMaxExperts>(
        instructions, queues, tile_credits, parameter_credits, requests, contents, fetched);
}
