/// \file check_program_top.cpp
/// The checks of the dispatcher alone: for synthesis, for RTL simulation and for its test.
#include "m3vit/engine/check_program.hpp"

void check_program_top(hls::stream<m3vit::ProgramBeat>& program,
                       hls::stream<m3vit::Checked>& instructions) {
    #pragma HLS INTERFACE mode=axis port=program
    #pragma HLS INTERFACE mode=axis port=instructions
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    m3vit::CheckProgram(program, instructions);
}
