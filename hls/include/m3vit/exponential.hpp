/// \file exponential.hpp
/// Powers of two of a distance to the largest logit, from a table.
///
/// Equal `exponential_weight` and `gate_weight` of `m3vit.model.fixed` (docs/numerics.md,
/// sections 3 and 5). Logits are powers of two, so whole octaves are a shift.
#pragma once

#include "m3vit/rounding.hpp"
#include "m3vit/tables.hpp"

namespace m3vit {

/// Weight of an attention logit: 255 at distance 0, zero from nine octaves of 2^7 codes.
///
/// A module of its own, so that every lane has its own copy of the table.
inline ap_uint<8> ExponentialWeight(const ap_uint<17>& distance) {
    #pragma HLS INLINE off
    #pragma HLS PIPELINE II=1
    const ap_uint<10> octaves = distance >> 7;
    const ap_uint<4> octave = octaves < 9 ? ap_uint<4>(octaves) : ap_uint<4>(9);
    const ap_int<18> fraction = kExp2[ap_uint<7>(distance)];
    return RoundShift<9>(fraction, ap_uint<5>(octave + 8));
}

/// Weight of a gate's logit: 65535 at distance 0, zero from 17 octaves of 2^10 codes.
///
/// The definition rounds (table entry) >> octave; with one bit more on both sides octave 0 rounds
/// like the others.
inline ap_uint<16> GateWeight(const ap_uint<17>& distance) {
    #pragma HLS INLINE
    const ap_uint<7> octaves = distance >> 10;
    const ap_uint<5> octave = octaves < 17 ? ap_uint<5>(octaves) : ap_uint<5>(17);
    const ap_int<19> fraction = ap_int<19>(kGateExp2[ap_uint<10>(distance)]) << 1;
    return RoundShift<17>(fraction, ap_uint<5>(octave + 1));
}

}  // namespace m3vit
