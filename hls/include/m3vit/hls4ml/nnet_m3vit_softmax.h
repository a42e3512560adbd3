/// \file nnet_m3vit_softmax.h
/// hls4ml layer M3vitSoftmax: the attention's softmax with its division.
///
///   logits  rows x columns  ->  probabilities  rows x columns, 15 fraction bits
///
/// A row at a time, all its columns at once. Equals `m3vit.model.integer_ops.attention_weights`
/// and, behind it, weight / sum as the scores of `route` have it.
#ifndef NNET_M3VIT_SOFTMAX_H_
#define NNET_M3VIT_SOFTMAX_H_

#include "m3vit/exponential.hpp"
#include "m3vit/reciprocal.hpp"
#include "nnet_m3vit_codes.h"

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T>
void m3vit_softmax(data_T data[CONFIG_T::rows * CONFIG_T::columns],
                   res_T res[CONFIG_T::rows * CONFIG_T::columns]) {
row:
    for (unsigned row = 0; row < CONFIG_T::rows; ++row) {
        #pragma HLS PIPELINE
        const unsigned start = row * CONFIG_T::columns;
        m3vit::Residual logits[CONFIG_T::columns];
        #pragma HLS ARRAY_PARTITION variable=logits complete
        m3vit::Residual maximum = -32768;

    logit:
        for (unsigned column = 0; column < CONFIG_T::columns; ++column) {
            #pragma HLS UNROLL
            logits[column] = m3vit_logit<CONFIG_T>(data[start + column]);
            if (logits[column] > maximum) maximum = logits[column];
        }
        ap_uint<8> weights[CONFIG_T::columns];
        #pragma HLS ARRAY_PARTITION variable=weights complete
        ap_uint<19> sum = 0;

    weight:
        for (unsigned column = 0; column < CONFIG_T::columns; ++column) {
            #pragma HLS UNROLL
            weights[column] = m3vit::ExponentialWeight(ap_uint<17>(maximum - logits[column]));
            sum += weights[column];
        }
        ap_uint<16> mantissa;
        ap_uint<5> length;
        m3vit::Reciprocal<19>(sum, mantissa, length);

    share:
        for (unsigned column = 0; column < CONFIG_T::columns; ++column) {
            #pragma HLS UNROLL
            res[start + column] =
                m3vit_number<res_T>(m3vit::Share(weights[column], mantissa, length));
        }
    }
}

}  // namespace nnet

#endif
