/// \file row_router_top.cpp
/// The fork of rows of sums alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/row_router.hpp"

void row_router_top(hls::stream<m3vit::Passage>& commands,
                    hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& rows,
                    hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& requantise,
                    hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& context,
                    hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& gate) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=rows
    #pragma HLS INTERFACE mode=axis port=requantise
    #pragma HLS INTERFACE mode=axis port=context
    #pragma HLS INTERFACE mode=axis port=gate
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::RowRouter<m3vit::kLanes>(commands, rows, requantise, context, gate);
}
