/// \file arithmetic_top.cpp
/// The kernels' small functions, each applied to its own field.
#include "m3vit/exponential.hpp"
#include "m3vit/product.hpp"
#include "m3vit/reciprocal.hpp"
#include "m3vit/reciprocal_root.hpp"
#include "m3vit/stream.hpp"

struct Operands {
    ap_uint<53> radicand;
    ap_uint<24> divisor;
    ap_uint<17> distance;
    ap_int<43> value;
    ap_uint<6> shift;
    ap_int<27> left;
    ap_int<35> right;
};

struct Results {
    ap_uint<17> root;
    ap_int<5> half_shift;
    ap_uint<16> mantissa;
    ap_uint<5> length;
    ap_uint<8> weight;
    ap_uint<16> gate_weight;
    ap_int<43> rounded;
    ap_int<8> round_saturated;
    ap_int<16> saturated;
    ap_int<62> product;
};

void arithmetic_top(hls::stream<Operands>& operands, hls::stream<Results>& results) {
    #pragma HLS INTERFACE mode=axis port=operands
    #pragma HLS INTERFACE mode=axis port=results
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return

    M3VIT_FOREVER(operands, false) {
        #pragma HLS PIPELINE II=1
        const Operands operand = operands.read();
        Results result;
        const m3vit::RootFactor root = m3vit::ReciprocalRoot(operand.radicand);
        result.root = root.root;
        result.half_shift = root.half_shift;
        m3vit::Reciprocal<24>(operand.divisor, result.mantissa, result.length);
        result.weight = m3vit::ExponentialWeight(operand.distance);
        result.gate_weight = m3vit::GateWeight(operand.distance);
        result.rounded = m3vit::RoundShift<43>(operand.value, operand.shift);
        result.round_saturated = m3vit::RoundSaturate<8>(operand.value, operand.shift);
        result.saturated = m3vit::Saturate<16>(operand.value);
        result.product = m3vit::SplitProduct<17>(operand.left, operand.right);
        results.write(result);
    }
}
