/// \file data_loader_top.cpp
/// The requests for data alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/engine/data_loader.hpp"

void data_loader_top(hls::stream<m3vit::DataCommand>& commands,
                     hls::stream<m3vit::ReadRequest>& requests,
                     hls::stream<m3vit::DataContents>& contents) {
    #pragma HLS INTERFACE mode=axis port=commands
    #pragma HLS INTERFACE mode=axis port=requests
    #pragma HLS INTERFACE mode=axis port=contents
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::DataLoader(commands, requests, contents);
}
