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

/// \tparam kLanes       experts per word, a power of two
/// \tparam kMaxExperts  largest E
template <int kLanes, int kMaxExperts>
void GateLogits(hls::stream<GateCommand>& commands, hls::stream<GateParameter>& parameters,
                hls::stream<Row<GateSum, kLanes>>& sums, hls::stream<GateCommand>& forwarded,
                hls::stream<GateLogit>& logits, hls::stream<Residual>& trace) {
    static_assert((kLanes & (kLanes - 1)) == 0, "a lane is the low bits of an expert's index");
    GateParameter rules[kMaxExperts];
    #pragma HLS AGGREGATE variable=rules
    #pragma HLS BIND_STORAGE variable=rules type=ram_s2p impl=lutram
    GateSum held[kLanes];
    #pragma HLS ARRAY_PARTITION variable=held complete
    GateCommand command = {};
    RowGroups walk;
    bool loading = false;
    ap_uint<9> expert = 0;
    ap_uint<9> last_expert = 0;

expert:
    M3VIT_FOREVER(commands, walk.running) {
        #pragma HLS PIPELINE II=1
        const ap_uint<9> lane = expert & (kLanes - 1);
        const bool at_last = expert == last_expert;
        if (!walk.running) {
            command = commands.read();
            forwarded.write(command);
            walk.Start(command.groups, command.words, command.group);
            loading = command.load;
            expert = 0;
            last_expert = command.experts - 1;
        } else if (loading) {
            rules[expert] = parameters.read();
            loading = !at_last;
            expert = at_last ? ap_uint<9>(0) : ap_uint<9>(expert + 1);
        } else {
            if (lane == 0) {
                const Row<GateSum, kLanes> row = sums.read();

            hold:
                for (int index = 0; index < kLanes; ++index) {
                    #pragma HLS UNROLL
                    held[index] = row.lane[index];
                }
            }
            const GateParameter rule = rules[expert];
            const ap_int<35> sum = held[lane] + rule.bias;
            const ap_int<51> scaled = SplitProduct<17>(rule.multiplier, sum);
            const Residual logit = RoundSaturate<16>(scaled, rule.shift);
            if (expert >= command.first && expert < command.last) {
                logits.write({logit, ap_uint<8>(expert), ap_uint<5>(walk.row),
                              ap_uint<1>(expert == command.first),
                              ap_uint<1>(expert + 1 == command.last)});
                if (command.trace) trace.write(logit);
            }
            const bool word_ends = at_last || lane == kLanes - 1;
            if (word_ends && !walk.rows.last) {
                expert = expert - lane;  // the next token has the same experts
            } else {
                expert = at_last ? ap_uint<9>(0) : ap_uint<9>(expert + 1);
            }
            if (word_ends) walk.Step();
        }
    }
}

}  // namespace m3vit
