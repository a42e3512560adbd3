/// \file gate_logits.hpp
/// From the array's sums to a gate's logits.
///
///   sums  2 T x E  ->  logits  T x (last - first)
///
/// The gate's inputs are int16, the array's are 9 bits: a token goes through the array as two
/// rows, first with its high bytes (signed), then with its low bytes (0 ... 255). The two are
/// joined here, exactly, and requantised with the 34-bit rule of docs/numerics.md, one expert per
/// cycle (II=1): two multipliers instead of two per lane, because a token has few experts.
#pragma once

#include "m3vit/gate_types.hpp"
#include "m3vit/product.hpp"
#include "m3vit/rounding.hpp"
#include "m3vit/row_groups.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// \tparam kLanes  experts per word
template <int kLanes>
void GateJoin(hls::stream<Row<Sum, kLanes>>& sums, hls::stream<Row<GateSum, kLanes>>& joined) {
    Row<Sum, kLanes> high = {};
    bool low_bytes = false;

word:
    M3VIT_FOREVER(sums, low_bytes) {
        #pragma HLS PIPELINE II=1
        const Row<Sum, kLanes> sum = sums.read();
        Row<GateSum, kLanes> both;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) {
            #pragma HLS UNROLL
            both.lane[lane] = (GateSum(high.lane[lane]) << 8) + sum.lane[lane];
        }
        if (low_bytes) joined.write(both);
        high = sum;
        low_bytes = !low_bytes;
    }
}

/// \tparam kLanes       experts per word
/// \tparam kMaxExperts  largest E
template <int kLanes, int kMaxExperts>
void GateLogits(hls::stream<GateCommand>& commands, hls::stream<GateParameter>& parameters,
                hls::stream<Row<GateSum, kLanes>>& sums, hls::stream<GateCommand>& forwarded,
                hls::stream<GateLogit>& logits, hls::stream<Residual>& trace) {
    GateParameter rules[kMaxExperts];
    #pragma HLS AGGREGATE variable=rules
    #pragma HLS BIND_STORAGE variable=rules type=ram_s2p impl=lutram
    GateCommand command = {};
    RowGroups walk;
    Row<GateSum, kLanes> held = {};
    bool loading = false;
    ap_uint<9> lane = 0;
    ap_uint<9> word_base = 0;  // expert of lane 0

expert:
    M3VIT_FOREVER(commands, walk.running) {
        #pragma HLS PIPELINE II=1
        const ap_uint<9> expert = word_base + lane;
        const bool last_expert = expert == command.experts - 1;
        if (!walk.running) {
            command = commands.read();
            forwarded.write(command);
            walk.Start(command.tokens, command.words, command.group);
            loading = command.load;
            lane = 0;
            word_base = 0;
        } else if (loading) {
            rules[expert] = parameters.read();
            loading = !last_expert;
            word_base = last_expert ? ap_uint<9>(0) : ap_uint<9>(word_base + 1);
        } else {
            if (lane == 0) held = sums.read();
            const GateParameter rule = rules[expert];
            const ap_int<35> sum = held.lane[lane] + rule.bias;
            const ap_int<51> scaled = SplitProduct<17>(rule.multiplier, sum);
            const Residual logit = RoundSaturate<16>(scaled, rule.shift);
            if (expert >= command.first && expert < command.last) {
                logits.write({logit, ap_uint<8>(expert), ap_uint<5>(walk.row),
                              ap_uint<1>(expert == command.first),
                              ap_uint<1>(expert + 1 == command.last)});
                if (command.trace) trace.write(logit);
            }
            if (last_expert || lane == kLanes - 1) {
                lane = 0;
                if (walk.row == walk.last_row) {
                    word_base = last_expert ? ap_uint<9>(0) : ap_uint<9>(word_base + kLanes);
                }
                walk.Step();
            } else {
                ++lane;
            }
        }
    }
}

}  // namespace m3vit
