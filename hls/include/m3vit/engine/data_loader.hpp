/// \file data_loader.hpp
/// Requests data from memory in the order of the program, and tells what will arrive.
///
///     commands  ->  requests,  contents
///
/// A command a cycle (II=1); it runs ahead of the data as far as the queues behind it hold.
#pragma once

#include <hls_stream.h>

#include "m3vit/engine/data_commands.hpp"
#include "m3vit/engine/instruction.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

inline void DataLoader(hls::stream<DataCommand>& commands, hls::stream<ReadRequest>& requests,
                       hls::stream<DataContents>& contents) {
command:
    M3VIT_FOREVER(commands, false) {
        #pragma HLS PIPELINE II=1
        constexpr int kLineBeats = kLineBytes / kBeatBytes;
        const DataCommand command = commands.read();
        const ap_uint<20> lines = (ap_uint<21>(command.beats) + (kLineBeats - 1)) / kLineBeats;
        requests.write({command.line, lines});
        contents.write({command.kind, lines, command.words});
    }
}

}  // namespace m3vit
