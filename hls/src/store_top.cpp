/// \file store_top.cpp
/// The way to memory alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/store.hpp"

void store_top(hls::stream<m3vit::StoreCommand>& commands,
               hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& residual,
               hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& results,
               hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& wide,
               hls::stream<m3vit::Pick>& picks, hls::stream<m3vit::WriteRequest>& requests,
               hls::stream<m3vit::Beat>& beats) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=residual
    #pragma HLS INTERFACE mode=axis port=results
    #pragma HLS INTERFACE mode=axis port=wide
    #pragma HLS INTERFACE mode=axis port=picks
    #pragma HLS INTERFACE mode=axis port=requests
    #pragma HLS INTERFACE mode=axis port=beats
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Store<m3vit::kLanes>(commands, residual, results, wide, picks, requests, beats);
}
