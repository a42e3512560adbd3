/// \file dispatch.hpp
/// Reads a program, checks it and hands its instructions to the sequencers.
///
///     program  2 beats per instruction  ->  queues of the sequencers,  ending
///
/// Instructions take their places in all queues at once, in the order of the program, each with
/// the number of accesses in front of it (accesses.hpp); from there on they overlap as they can. An
/// instruction that fails a check ends the program: nothing behind it is issued until reset. So
/// does a BEGIN for other hardware. END is answered when nothing is under way any more.
/// An instruction every four cycles, far faster than any of them is carried out.
#pragma once

#include "m3vit/engine/check_program.hpp"
#include "m3vit/engine/issue.hpp"

namespace m3vit {

inline void Dispatch(hls::stream<ProgramBeat>& program, hls::stream<ap_uint<1>>& row_reads_retired,
                     hls::stream<ap_uint<1>>& row_writes_retired,
                     hls::stream<ap_uint<1>>& token_reads_retired,
                     hls::stream<ap_uint<1>>& token_writes_retired,
                     hls::stream<ap_uint<1>>& key_value_reads_retired,
                     hls::stream<ap_uint<1>>& key_value_writes_retired,
                     hls::stream<ap_uint<1>>& stores_retired, hls::stream<Dispatched>& loads,
                     hls::stream<DataCommand>& data, hls::stream<Dispatched>& rows,
                     hls::stream<Dispatched>& array, hls::stream<ImageCommand>& images,
                     hls::stream<ResidualWriteCommand>& residual_loads,
                     hls::stream<StoreCommand>& stores, hls::stream<Ending>& ending) {
    #pragma HLS DATAFLOW
    hls::stream<Checked, 2> instructions("instructions");

    M3VIT_PROCESS(CheckProgram(program, instructions));
    M3VIT_PROCESS(Issue(instructions, row_reads_retired, row_writes_retired, token_reads_retired,
                        token_writes_retired, key_value_reads_retired, key_value_writes_retired,
                        stores_retired, loads, data, rows, array, images, residual_loads, stores,
                        ending));
}

}  // namespace m3vit
