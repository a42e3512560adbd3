/// \file data_unpack_top.cpp
/// The unpacking of data alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/config.hpp"
#include "m3vit/engine/data_unpack.hpp"

void data_unpack_top(hls::stream<m3vit::DataContents>& contents, hls::stream<m3vit::Beat>& beats,
                     hls::stream<m3vit::Row<ap_uint<8>, m3vit::kLanes>>& pixels,
                     hls::stream<m3vit::Row<m3vit::Residual, m3vit::kLanes>>& residual_rows,
                     hls::stream<m3vit::AffineRow<m3vit::kLanes>>& affine,
                     hls::stream<m3vit::Code>& entries,
                     hls::stream<m3vit::GateParameter>& gate_parameters) {
    #pragma HLS INTERFACE mode=axis port=contents
    #pragma HLS INTERFACE mode=axis port=beats
    #pragma HLS INTERFACE mode=axis port=pixels
    #pragma HLS INTERFACE mode=axis port=residual_rows
    #pragma HLS INTERFACE mode=axis port=affine
    #pragma HLS INTERFACE mode=axis port=entries
    #pragma HLS INTERFACE mode=axis port=gate_parameters
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::DataUnpack<m3vit::kLanes>(contents, beats, pixels, residual_rows, affine, entries,
                                     gate_parameters);
}
