/// \file requantise.hpp
/// Sums to codes: bias, multiplier and rounding shift per output channel, zero point, saturation.
///
///     sums  kLanes,  parameters  kLanes per `rows` rows  ->  results  kLanes
///
///     sat(round((sum + bias) * multiplier, shift) + zero_point)
///
/// One row a cycle. A word of parameters belongs to kLanes neighbouring channels and serves `rows`
/// rows, then comes the next: weights outside, rows inside. It is held in registers; a command
/// covers `words` of them. Where all channels are alike, a word has one parameter for all. The
/// network's compiler guarantees |sum + bias| < 2^26, so a lane's product fits one DSP48E2. Rounds
/// half up, saturates once. Equals `m3vit.model.fixed.requantise` for 8 and 16 bits; 18 bits stand
/// for its 32 in front of a residual sum, to which anything beyond makes no difference.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/product.hpp"
#include "m3vit/rounding.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

struct RequantiseCommand {
    ap_uint<20> words;     ///< of parameters
    ap_uint<13> rows;      ///< that each of them serves
    ap_int<8> zero_point;  ///< of the results
    ap_uint<5> bits;       ///< of the results: 8, 16 or 18
};

/// Of one channel.
struct RequantiseParameter {
    ap_int<27> bias;
    ap_uint<15> multiplier;
    ap_uint<6> shift;  ///< kLeastShift ... kLeastShift + 31
};

constexpr int kLeastShift = 11;

/// (sum + bias) * multiplier * 2^-shift, half up.
inline ap_int<31> Scale(Sum sum, const RequantiseParameter& parameter) {
    #pragma HLS INLINE
    const ap_int<27> biased = sum + parameter.bias;
    const ap_int<42> product = Multiply<42>(biased, parameter.multiplier);
    #pragma HLS BIND_OP variable=product op=mul impl=dsp
    // The bits that every shift drops, but for the one that decides the rounding, go first.
    const ap_int<32> upper = product >> (kLeastShift - 1);
    const ap_uint<5> further = parameter.shift - kLeastShift;
    return RoundShift<31>(upper, ap_uint<6>(further + 1));
}

/// \tparam kParameters  channels of a word of parameters: kLanes, or 1 if all are alike
template <int kLanes, int kParameters>
void Requantise(hls::stream<RequantiseCommand>& commands, hls::stream<Row<Sum, kLanes>>& sums,
                hls::stream<Row<RequantiseParameter, kParameters>>& parameters,
                hls::stream<Row<Wide, kLanes>>& results) {
    static_assert(kLanes % kParameters == 0, "a word of parameters repeats");
    NextCommand<RequantiseCommand> next;
    LoopNest<20, 13> loops;
    bool first = true;  // row of a word
    Code zero_point;
    Wide highest;
    Row<RequantiseParameter, kParameters> held;
    #pragma HLS ARRAY_PARTITION variable=held.lane type=complete

row:
    M3VIT_FOREVER(commands, loops.running || next.ready) {
        #pragma HLS PIPELINE II=1
        if (loops.running) {
            const Row<Sum, kLanes> sum = sums.read();
            if (first) held = parameters.read();
            Row<Wide, kLanes> result;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                const ap_int<32> code =
                    Scale(sum.lane[lane], held.lane[lane % kParameters]) + zero_point;
                const Wide lowest = ~highest;
                result.lane[lane] = code > highest ? highest : code < lowest ? lowest : Wide(code);
            }
            results.write(result);
            first = loops.inner.last;
        }

        const bool take = loops.Ends() && next.ready;
        if (take) {
            loops.Start(next.command.words, next.command.rows);
            zero_point = next.command.zero_point;
            highest = next.command.bits == 8 ? 0x7f : next.command.bits == 16 ? 0x7fff : 0x1ffff;
        } else {
            loops.Step();
        }
        next.Fetch(commands, take);
    }
}

}  // namespace m3vit
