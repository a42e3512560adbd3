/// \file nnet_m3vit_layer_norm.h
/// hls4ml layer M3vitLayerNorm: exact moments, one reciprocal square root per row.
///
///   tokens  rows x width, 16 bits  ->  codes  rows x width, 8 or 16 bits
///
/// A row at a time, all its channels at once. Equals `m3vit.model.integer_ops.normalise` and
/// `scale_and_shift`.
#ifndef NNET_M3VIT_LAYER_NORM_H_
#define NNET_M3VIT_LAYER_NORM_H_

#include "m3vit/layer_norm_arithmetic.hpp"
#include "nnet_m3vit_codes.h"

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T>
void m3vit_layer_norm(data_T data[CONFIG_T::rows * CONFIG_T::width],
                      res_T res[CONFIG_T::rows * CONFIG_T::width],
                      typename CONFIG_T::gain_t gain[CONFIG_T::width],
                      typename CONFIG_T::bias_t bias[CONFIG_T::width]) {
    #pragma HLS ARRAY_PARTITION variable=gain complete
    #pragma HLS ARRAY_PARTITION variable=bias complete

row:
    for (unsigned row = 0; row < CONFIG_T::rows; ++row) {
        #pragma HLS PIPELINE
        const unsigned start = row * CONFIG_T::width;
        m3vit::RowMoments moments = {0, 0, CONFIG_T::width, CONFIG_T::epsilon};

    moment:
        for (unsigned channel = 0; channel < CONFIG_T::width; ++channel) {
            #pragma HLS UNROLL
            const m3vit::Residual code = m3vit_code(data[start + channel]);
            moments.total += code;
            moments.squares += ap_uint<31>(code * code);
        }
        const m3vit::RowFactors factors = m3vit::Factors(moments);

    channel:
        for (unsigned channel = 0; channel < CONFIG_T::width; ++channel) {
            #pragma HLS UNROLL
            const m3vit::Normalised<CONFIG_T::width> normalised = m3vit::Normalise<CONFIG_T::width>(
                m3vit_code(data[start + channel]), moments.width, factors);
            m3vit::AffineRow<1> affine;
            affine.gain[0] = gain[channel];
            affine.bias[0] = bias[channel];
            const ap_int<res_T::width> code = m3vit::RoundSaturate<res_T::width>(
                m3vit::Affine(normalised, affine, 0), ap_uint<5>(CONFIG_T::shift));
            res[start + channel] = m3vit_number<res_T>(code);
        }
    }
}

}  // namespace nnet

#endif
