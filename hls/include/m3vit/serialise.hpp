/// \file serialise.hpp
/// From tiles of sums to one token's sums per cycle, without the tokens that only fill a tile.
///
///     tiles  kTokens x kLanes  ->  rows  kLanes
///
/// A sweep is one group of kLanes channels for `tokens` tokens: full tiles, and a last one of
/// which only the first rows count. Where all channels of a few tokens come first, a sweep is one
/// tile. A tile is held in registers while its rows leave; its first row goes straight through.
/// The array is not held up while a tile takes it kTokens beats or more. No arithmetic.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

struct SerialiseCommand {
    ap_uint<20> sweeps;
    ap_uint<13> tokens;  ///< of every sweep
};

template <int kTokens, int kLanes>
void Serialise(hls::stream<SerialiseCommand>& commands,
               hls::stream<Tile<Sum, kTokens, kLanes>>& tiles,
               hls::stream<Row<Sum, kLanes>>& rows) {
    NextCommand<SerialiseCommand> next;
    LoopNest<20, 13> loops;
    ap_uint<BitLength(kTokens)> row = 0;  // of the tile
    Tile<Sum, kTokens, kLanes> held;
    #pragma HLS ARRAY_PARTITION variable=held.at type=complete dim=0

token:
    M3VIT_FOREVER(commands, loops.running || next.ready) {
        #pragma HLS PIPELINE II=1
        if (loops.running) {
            Row<Sum, kLanes> sums;
            if (row == 0) {
                held = tiles.read();

            first_lane:
                for (int lane = 0; lane < kLanes; ++lane) sums.lane[lane] = held.at[0][lane];
            } else {
            lane:
                for (int lane = 0; lane < kLanes; ++lane) sums.lane[lane] = held.at[row][lane];
            }
            rows.write(sums);
            row = loops.inner.last || row == kTokens - 1 ? 0 : int(row + 1);
        }

        const bool take = loops.Ends() && next.ready;
        if (take) {
            loops.Start(next.command.sweeps, next.command.tokens);
        } else {
            loops.Step();
        }
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
