/// \file layer_norm_types.hpp
/// What the processes of a LayerNorm are told, and what they tell each other.
#pragma once

#include "m3vit/types.hpp"

namespace m3vit {

/// Normalise some rows.
struct LayerNormCommand {
    ap_uint<12> tokens;     ///< rows, at least 1
    ap_uint<12> words;      ///< words of a row, at least 1
    ap_uint<12> width;      ///< channels D; lanes behind them hold zeros
    ap_uint<52> epsilon;    ///< at least 1
    ap_uint<5> code_shift;  ///< of the int8 output, 1 ... 30
    ap_uint<5> wide_shift;  ///< of the int16 output, 1 ... 30
    ap_uint<1> codes;       ///< emit int8 codes
    ap_uint<1> wide;        ///< emit int16 codes
    ap_uint<1> load;        ///< first read `words` words of parameters for each output that is on
};

/// Gains and biases of neighbouring channels.
template <int kLanes>
struct AffineRow {
    ap_int<16> gain[kLanes];
    ap_int<32> bias[kLanes];
};

/// Exact sums over a row, and what else its variance needs.
struct RowMoments {
    ap_int<27> total;
    ap_uint<42> squares;
    ap_uint<12> width;
    ap_uint<52> epsilon;
};

/// Deviation from the mean in units of 2^-12 standard deviations.
///
/// \tparam kMaxWidth  largest D; the value is at most 4096 sqrt(D - 1)
template <int kMaxWidth>
using Normalised = ap_int<13 + (BitLength(kMaxWidth - 1) + 1) / 2>;

/// A normalised value is round((D x - total) * root, shift).
struct RowFactors {
    ap_int<27> total;
    ap_uint<17> root;
    ap_uint<5> shift;  ///< 5 ... 31
};

}  // namespace m3vit
