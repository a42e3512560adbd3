/// \file nnet_m3vit_gelu.h
/// hls4ml layer M3vitGelu: GELU of 8-bit numbers, by a table of its 256 values.
///
///   numbers  n_in, 8 bits  ->  results  n_in, 8 bits
///
/// Every number has its own copy of the table, because all are looked up at once. Equals
/// `m3vit.model.integer_ops.activate`.
#ifndef NNET_M3VIT_GELU_H_
#define NNET_M3VIT_GELU_H_

#include "nnet_m3vit_codes.h"

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T>
void m3vit_gelu(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in],
                typename CONFIG_T::table_t table[256]) {
    #pragma HLS PIPELINE

number:
    for (unsigned index = 0; index < CONFIG_T::n_in; ++index) {
        #pragma HLS UNROLL
        const ap_uint<8> entry = m3vit_code(data[index]) + 128;
        res[index] = m3vit_number<res_T>(table[entry]);
    }
}

}  // namespace nnet

#endif
