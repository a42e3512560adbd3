/// \file nnet_m3vit_codes.h
/// Between hls4ml's fixed-point numbers and the integer codes of m3vit.
///
/// A number of type ap_fixed<W, I> is the code number * 2^(W - I): the same W bits.
#ifndef NNET_M3VIT_CODES_H_
#define NNET_M3VIT_CODES_H_

#include "m3vit/rounding.hpp"
#include "m3vit/types.hpp"

namespace nnet {

template <class data_T>
ap_int<data_T::width> m3vit_code(const data_T& value) {
    #pragma HLS INLINE
    ap_int<data_T::width> code;
    code.range(data_T::width - 1, 0) = value.range(data_T::width - 1, 0);
    return code;
}

template <class res_T, class code_T>
res_T m3vit_number(const code_T& code) {
    #pragma HLS INLINE
    res_T value;
    value.range(res_T::width - 1, 0) = code.range(res_T::width - 1, 0);
    return value;
}

/// A logit of any fixed-point type as an int16 code in units of log2: its code times
/// CONFIG_T::multiplier * 2^-CONFIG_T::shift, as `m3vit.model.fixed.requantise`.
template <typename CONFIG_T, class data_T>
m3vit::Residual m3vit_logit(const data_T& value) {
    #pragma HLS INLINE
    const ap_int<33> product = m3vit_code(value) * ap_int<16>(CONFIG_T::multiplier);
    return m3vit::RoundSaturate<16>(product, ap_uint<6>(CONFIG_T::shift));
}

}  // namespace nnet

#endif
