/// \file add_residual_top.cpp
/// The residual sum alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/add_residual.hpp"
#include "m3vit/config.hpp"

void add_residual_top(hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& residuals,
                      hls::stream<m3vit::Row<m3vit::Wide, m3vit::kLanes>>& branches,
                      hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& sums) {
    #pragma HLS INTERFACE mode=axis port=residuals
    #pragma HLS INTERFACE mode=axis port=branches
    #pragma HLS INTERFACE mode=axis port=sums
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::AddResidual<m3vit::kLanes>(residuals, branches, sums);
}
