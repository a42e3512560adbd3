/// \file scatter_add.hpp
/// The sum of what a token's experts gave, each weighted with its score.
///
///     per expert  visits  n  and outputs  n x D,  then  sums  T x D
///
///     sum over the token's experts of round(output * score, 15)
///
/// Sums of a layer are cleared, every expert's outputs are added to those of its tokens, then all
/// leave; a residual sum behind saturates them. Each contribution is rounded on its own, and the
/// scores of a token sum to one at most, so 18 bits hold every sum and the order of the experts
/// does not matter. A word a cycle (II=1), outputs in the groups of row_groups.hpp. At the `zcu104`
/// design point the array gives four words in K / 32 cycles, for K hidden channels: four in twelve
/// for M3ViT tiny's experts, a third of what is taken here.
///
/// A sum is read and written some stages apart, so an address must not come back at once. It does
/// not: a command touches every address once, for a queue lists a token once, and behind a command
/// the loop rests for kRest cycles. So two accesses to one address are more than kRest iterations
/// apart, which is what DEPENDENCE says. Rests cost nothing: outputs come slower than one a cycle.
/// Equals the sum in `m3vit.model.integer_ops.run_experts`.
#pragma once

#include <hls_stream.h>

#include "m3vit/rounding.hpp"
#include "m3vit/row_groups.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"
#include "m3vit/visit.hpp"

namespace m3vit {

struct ScatterAddCommand {
    enum Action { kClear, kAdd, kFinish };

    ap_uint<2> action;   ///< kClear: sums are zero; kAdd: outputs of an expert; kFinish: emit sums
    ap_uint<12> groups;  ///< of rows, as row_groups.hpp has it; at least 1
    ap_uint<6> group;    ///< rows, that is visits, of a group; 1 for kClear and kFinish
    ap_uint<12> words;   ///< of each row; at least 1
};

/// \tparam kCapacity  values that are held
/// \tparam kGroup     largest `group`
template <int kLanes, int kCapacity, int kGroup>
void ScatterAdd(hls::stream<ScatterAddCommand>& commands, hls::stream<Visit>& visits,
                hls::stream<Row<Wide, kLanes>>& outputs, hls::stream<Row<Wide, kLanes>>& sums) {
    constexpr int kDepth = kCapacity / kLanes;
    constexpr int kRest = 16;
    using Address = ap_uint<BitLength(kDepth - 1)>;

    Row<Wide, kLanes> buffer[kDepth];
    #pragma HLS AGGREGATE variable=buffer
    #pragma HLS BIND_STORAGE variable=buffer type=ram_s2p impl=uram
    #pragma HLS DEPENDENCE variable=buffer type=inter direction=RAW distance=16 dependent=true
    // Of the rows in flight.
    Address starts[kGroup];
    #pragma HLS ARRAY_PARTITION variable=starts complete
    ap_uint<16> scores[kGroup];
    #pragma HLS ARRAY_PARTITION variable=scores complete
    ScatterAddCommand command = {};
    RowGroups walk;
    ap_uint<12> token = 0;  // of a row, unless it is a visit's
    ap_uint<12> word = 0;
    ap_uint<BitLength(kRest)> rest = 0;

word:
    M3VIT_FOREVER(commands, walk.running || rest != 0) {
        #pragma HLS PIPELINE II=1
        if (walk.running) {
            const bool add = command.action == ScatterAddCommand::kAdd;
            if (walk.first) {
                const Visit visit = add ? visits.read() : Visit{token, 0};
                starts[walk.row] = visit.token * command.words;
                scores[walk.row] = visit.score;
                ++token;
            }
            const Address address = starts[walk.row] + word;
            const ap_int<17> score = scores[walk.row];
            const Row<Wide, kLanes> before = buffer[address];
            Row<Wide, kLanes> output = {};
            if (add) output = outputs.read();
            Row<Wide, kLanes> after;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                const ap_int<33> product = Residual(output.lane[lane]) * score;
                const Residual contribution = RoundShift<16>(product, ap_uint<4>(15));
                after.lane[lane] = add ? Wide(before.lane[lane] + contribution) : Wide(0);
            }
            if (command.action == ScatterAddCommand::kFinish) {
                sums.write(before);
            } else {
                buffer[address] = after;
            }
            if (walk.rows.last) {
                word = walk.words.last ? ap_uint<12>(0) : ap_uint<12>(word + 1);
            }
            walk.Step();
            rest = kRest;
        } else if (rest != 0) {
            --rest;
        } else {
            command = commands.read();
            walk.Start(command.groups, command.words, command.group);
            token = 0;
        }
    }
}

}  // namespace m3vit
