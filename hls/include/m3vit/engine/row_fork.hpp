/// \file row_fork.hpp
/// Rows of the residual stream, and LayerNorm's int16 rows, to where they are wanted.
#pragma once

#include "m3vit/engine/passage.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// Where rows of the residual stream go.
enum ResidualWay { kToNorm, kToGateRaw, kToResidualStore };

template <int kLanes>
void RowFork(hls::stream<Passage>& commands, hls::stream<Row<Residual, kLanes>>& rows,
             hls::stream<Row<Residual, kLanes>>& norm, hls::stream<Row<Residual, kLanes>>& raw,
             hls::stream<Row<Residual, kLanes>>& store) {
    PassageWalk walk;

row:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const Row<Residual, kLanes> row = rows.read();
            if (walk.way == kToNorm) {
                norm.write(row);
            } else if (walk.way == kToGateRaw) {
                raw.write(row);
            } else {
                store.write(row);
            }
        }
        walk.Step(commands);
    }
}

/// Where int16 rows go, from LayerNorm or past it. Rows of both kinds reach the gate in the order
/// of the program.
enum WideWay { kNormToGate, kNormToStore, kRawToGate };

template <int kLanes>
void WideFork(hls::stream<Passage>& commands, hls::stream<Row<Residual, kLanes>>& wide,
              hls::stream<Row<Residual, kLanes>>& raw, hls::stream<Row<Residual, kLanes>>& gate,
              hls::stream<Row<Residual, kLanes>>& store) {
    PassageWalk walk;

row:
    M3VIT_FOREVER(commands, walk.running || walk.next.ready) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const bool past = walk.way == kRawToGate;
            Row<Residual, kLanes> row;
            if (past) {
                row = raw.read();
            } else {
                row = wide.read();
            }
            if (walk.way == kNormToStore) {
                store.write(row);
            } else {
                gate.write(row);
            }
        }
        walk.Step(commands);
    }
}

}  // namespace m3vit
