/// \file types.hpp
/// The numbers that travel between kernels, and how many of them travel together.
///
/// Widths follow docs/numerics.md. A stream carries whole Rows or Tiles: neighbouring values that
/// one cycle produces or consumes.
#pragma once

#include <ap_int.h>

namespace m3vit {

using Code = ap_int<8>;        ///< weights, keys, values; activations behind their quantisation
using Activation = ap_int<9>;  ///< what meets a weight: a Code, or an attention weight 0 ... 255
using Sum = ap_int<32>;        ///< sum of products
using Wide = ap_int<18>;       ///< a requantised sum: saturated to 8, 16 or 18 bits
using Residual = ap_int<16>;   ///< the residual stream, and inputs of gates

/// Bits of an unsigned number: 0 -> 0, 1 -> 1, 4 -> 3.
constexpr int BitLength(long value) {
    return value == 0 ? 0 : 1 + BitLength(value / 2);
}

/// Beats of a row on its way into the array: whole tiles of inputs, and whole words.
constexpr int RowBeats(int channels, int inputs, int word) {
    return word < inputs ? (channels + inputs - 1) / inputs
                         : (channels + word - 1) / word * (word / inputs);
}

/// kCount neighbouring channels of one token.
template <typename T, int kCount>
struct Row {
    T lane[kCount];
};

/// kCount neighbouring channels of kRows rows: tokens, or outputs of a weight matrix.
template <typename T, int kRows, int kCount>
struct Tile {
    T at[kRows][kCount];
};

}  // namespace m3vit
