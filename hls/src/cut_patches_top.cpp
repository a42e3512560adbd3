/// \file cut_patches_top.cpp
/// The cutting of patches alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/cut_patches.hpp"

void cut_patches_top(hls::stream<m3vit::CutPatchesCommand>& commands,
                     hls::stream<m3vit::Row<ap_uint<8>, m3vit::kLanes>>& pixels,
                     hls::stream<m3vit::Row<m3vit::Code, m3vit::kLanes>>& codes) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=pixels
    #pragma HLS INTERFACE mode=axis port=codes
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::CutPatches<m3vit::kLanes, m3vit::kMaxStripBytes, m3vit::kMaxChannels>(commands, pixels,
                                                                                 codes);
}
