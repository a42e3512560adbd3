/// \file array_sequencer_top.cpp
/// The sequencer of the array alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/array_sequencer.hpp"

void array_sequencer_top(hls::stream<m3vit::Dispatched>& instructions,
                         hls::stream<m3vit::Queue>& queues, hls::stream<m3vit::Fetched>& fetched,
                         hls::stream<m3vit::Block>& blocks,
                         hls::stream<m3vit::RouteOrder>& orders) {
    #pragma HLS INTERFACE mode=axis port=instructions
    #pragma HLS INTERFACE mode=axis port=queues
    #pragma HLS INTERFACE mode=axis port=fetched
    #pragma HLS INTERFACE mode=axis port=blocks
    #pragma HLS INTERFACE mode=axis port=orders
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    constexpr int kParts = m3vit::kPanelLanes / m3vit::kLanes;

    m3vit::ArraySequencer<m3vit::kArrayTokens, kParts, m3vit::kMaxExperts>(instructions, queues,
                                                                           fetched, blocks, orders);
}
