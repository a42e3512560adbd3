/// \file row_router.hpp
/// Rows of sums to what makes codes of them: requantisation, the context of attention, a gate.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

template <int kLanes>
void RowRouter(hls::stream<Passage>& commands, hls::stream<Row<Sum, kLanes>>& rows,
               hls::stream<Row<Sum, kLanes>>& requantise, hls::stream<Row<Sum, kLanes>>& context,
               hls::stream<Row<Sum, kLanes>>& gate) {
    PassageWalk walk;

row:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const Row<Sum, kLanes> row = rows.read();
            if (walk.way == kToRequantise) {
                requantise.write(row);
            } else if (walk.way == kToContext) {
                context.write(row);
            } else {
                gate.write(row);
            }
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
