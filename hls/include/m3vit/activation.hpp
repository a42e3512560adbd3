/// \file activation.hpp
/// The activation function (GELU or any other) of int8 codes, by a table of its 256 values.
///
///     codes  kLanes  ->  results  kLanes
///
/// One row a cycle. A command either loads the table, which takes 256 cycles in the shadow of
/// other layers' work, or looks rows up in it. Every lane has its own copy in LUT RAM, because all
/// read at once. No arithmetic, so no error beside that of the table's ends.
/// Equals `m3vit.model.integer_ops.activate`.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

struct ActivationCommand {
    ap_uint<1> load;   ///< take a new table, the entry of code -128 first
    ap_uint<24> rows;  ///< to look up otherwise
};

template <int kLanes>
void ActivationTable(hls::stream<ActivationCommand>& commands, hls::stream<Code>& entries,
                     hls::stream<Row<Code, kLanes>>& codes,
                     hls::stream<Row<Code, kLanes>>& results) {
    NextCommand<ActivationCommand> next;
    bool running = false;
    bool loading = false;
    Countdown<24> row;
    ap_uint<8> position = 0;  // of the next entry; wraps to 0 behind the last one
    Code table[kLanes][256];
    #pragma HLS ARRAY_PARTITION variable=table type=complete dim=1
    #pragma HLS BIND_STORAGE variable=table type=ram_s2p impl=lutram

row:
    M3VIT_FOREVER(commands, running || next.ready) {
        #pragma HLS PIPELINE II=1
        if (running && loading) {
            const Code entry = entries.read();

        copy:
            for (int lane = 0; lane < kLanes; ++lane) table[lane][position] = entry;
            ++position;
        } else if (running) {
            const Row<Code, kLanes> code = codes.read();
            Row<Code, kLanes> result;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                const ap_uint<8> index = code.lane[lane] + 128;
                result.lane[lane] = table[lane][index];
            }
            results.write(result);
        }

        const bool ends = !running || row.last;
        const bool take = ends && next.ready;
        running = !ends || take;
        if (take) {
            loading = next.command.load;
            row.Start(loading ? ap_uint<24>(256) : next.command.rows);
        } else {
            row.Step();
        }
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
