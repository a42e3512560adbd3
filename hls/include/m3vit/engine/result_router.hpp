/// \file result_router.hpp
/// Requantised rows to where they are wanted, and the codes for the token memory joined again
/// behind the activation table.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <int kLanes>
Row<Code, kLanes> CodesOf(const Row<Wide, kLanes>& row) {
    #pragma HLS INLINE
    Row<Code, kLanes> codes;

lane:
    for (int lane = 0; lane < kLanes; ++lane) codes.lane[lane] = row.lane[lane];
    return codes;
}

template <int kLanes>
void ResultRouter(hls::stream<Passage>& commands, hls::stream<Row<Wide, kLanes>>& results,
                  hls::stream<Row<Code, kLanes>>& tokens,
                  hls::stream<Row<Code, kLanes>>& activation,
                  hls::stream<Row<Wide, kLanes>>& residual,
                  hls::stream<Row<Code, kLanes>>& key_values,
                  hls::stream<Row<Wide, kLanes>>& store) {
    PassageWalk walk;

row:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const Row<Wide, kLanes> row = results.read();
            const Row<Code, kLanes> codes = CodesOf(row);
            if (walk.way == kToTokens) {
                tokens.write(codes);
            } else if (walk.way == kToActivation) {
                activation.write(codes);
            } else if (walk.way == kToResidual) {
                residual.write(row);
            } else if (walk.way == kToKeyValues) {
                key_values.write(codes);
            } else {
                store.write(row);
            }
        }
        walk.Step(commands);
    }
}

/// Ways are kToTokens, past the activation table, and kToActivation, through it.
template <int kLanes>
void ResultMerge(hls::stream<Passage>& commands, hls::stream<Row<Code, kLanes>>& plain,
                 hls::stream<Row<Code, kLanes>>& activated, hls::stream<Row<Code, kLanes>>& codes) {
    PassageWalk walk;

row:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            if (walk.way == kToTokens) {
                codes.write(plain.read());
            } else {
                codes.write(activated.read());
            }
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
