/// \file route_top.cpp
/// Expert queues alone: for synthesis, for RTL simulation and for their test.
#include "m3vit/config.hpp"
#include "m3vit/route.hpp"

void route_top(hls::stream<m3vit::RouteCommand>& commands, hls::stream<m3vit::Pick>& picks,
               hls::stream<m3vit::RouteOrder>& orders, hls::stream<m3vit::Queue>& queues,
               hls::stream<ap_uint<12>>& tokens, hls::stream<m3vit::Visit>& visits) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=picks
    #pragma HLS INTERFACE mode=axis port=orders
    #pragma HLS INTERFACE mode=axis port=queues
    #pragma HLS INTERFACE mode=axis port=tokens
    #pragma HLS INTERFACE mode=axis port=visits
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::Route<m3vit::kMaxTokens, m3vit::kMaxExpertsPerToken, m3vit::kMaxExperts>(
        commands, picks, orders, queues, tokens, visits);
}
