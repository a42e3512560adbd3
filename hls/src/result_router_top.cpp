/// \file result_router_top.cpp
/// The fork of results alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/result_router.hpp"

void result_router_top(hls::stream<m3vit::Passage>& commands,
                       hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& results,
                       hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& tokens,
                       hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& activation,
                       hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& residual,
                       hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& key_values,
                       hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& store) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=results
    #pragma HLS INTERFACE mode=axis port=tokens
    #pragma HLS INTERFACE mode=axis port=activation
    #pragma HLS INTERFACE mode=axis port=residual
    #pragma HLS INTERFACE mode=axis port=key_values
    #pragma HLS INTERFACE mode=axis port=store
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::ResultRouter<m3vit::kLanes>(commands, results, tokens, activation, residual, key_values,
                                       store);
}
