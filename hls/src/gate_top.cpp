/// \file gate_top.cpp
/// The gate alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/gate.hpp"

void gate_top(hls::stream<m3vit::GateCommand>& commands,
              hls::stream<m3vit::GateParameter>& parameters,
              hls::stream<m3vit::Row<m3vit::Sum, m3vit::kLanes>>& sums,
              hls::stream<m3vit::Pick>& picks, hls::stream<m3vit::Residual>& trace) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=parameters
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=axis port=picks
    #pragma HLS INTERFACE mode=axis port=trace
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    #pragma HLS DATAFLOW

    // Two rows of the array are one token.
    m3vit::Gate<m3vit::kLanes, m3vit::kArrayTokens / 2, m3vit::kMaxExperts,
                m3vit::kMaxExpertsPerToken>(commands, parameters, sums, picks, trace);
}
