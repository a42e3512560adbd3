/// \file layer_norm_scale.hpp
/// Second pass of a LayerNorm: normalised values, gains and biases, codes.
///
///   rows  T x D,  factors  T  ->  codes  T x D,  wide  T x D
///
/// A word per cycle (II=1), one more cycle per command, and one per word of parameters when they
/// change. Both outputs share the normalised value. Four multipliers per lane. Equals `normalise`
/// and `scale_and_shift` of `m3vit.model.integer_ops`; docs/numerics.md, section 2, has the widths.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/layer_norm_types.hpp"
#include "m3vit/rounding.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// One channel in front of its gain: about 2^12 standard deviations are one.
///
/// \tparam kMaxWidth  largest D; it bounds the result by 4096 sqrt(D - 1)
template <int kMaxWidth>
auto Normalise(const Residual& code, const ap_uint<12>& width, const RowFactors& factors) {
    #pragma HLS INLINE
    constexpr int kDeviation = 17 + BitLength(kMaxWidth - 1);
    constexpr int kNormalised = 13 + (BitLength(kMaxWidth - 1) + 1) / 2;
    const ap_int<kDeviation> deviation = code * width - factors.total;
    const ap_int<kDeviation + 18> product = deviation * factors.root;
    return RoundShift<kNormalised>(product, factors.shift);
}

template <int kBits, int kLanes>
ap_int<36> Affine(const ap_int<kBits>& normalised, const AffineRow<kLanes>& affine, int lane) {
    #pragma HLS INLINE
    return normalised * affine.gain[lane] + affine.bias[lane];
}

/// \tparam kLanes     channels per word
/// \tparam kMaxWidth  largest D
template <int kLanes, int kMaxWidth>
void LayerNormScale(hls::stream<LayerNormCommand>& commands,
                    hls::stream<AffineRow<kLanes>>& parameters,
                    hls::stream<Row<Residual, kLanes>>& rows, hls::stream<RowFactors>& row_factors,
                    hls::stream<Row<Code, kLanes>>& codes,
                    hls::stream<Row<Residual, kLanes>>& wide) {
    constexpr int kWords = (kMaxWidth + kLanes - 1) / kLanes;
    AffineRow<kLanes> code_affine[kWords];
    #pragma HLS AGGREGATE variable=code_affine
    #pragma HLS BIND_STORAGE variable=code_affine type=ram_s2p impl=lutram
    AffineRow<kLanes> wide_affine[kWords];
    #pragma HLS AGGREGATE variable=wide_affine
    #pragma HLS BIND_STORAGE variable=wide_affine type=ram_s2p impl=lutram
    LayerNormCommand command = {};
    RowFactors factors = {};
    bool running = false;
    Countdown<12> tokens;
    Countdown<12> words;
    bool loading_codes = false;
    bool loading_wide = false;
    ap_uint<12> word = 0;

word:
    M3VIT_FOREVER(commands, running) {
        #pragma HLS PIPELINE II=1
        if (!running) {
            command = commands.read();
            loading_codes = command.load && command.codes;
            loading_wide = command.load && command.wide;
            running = true;
            tokens.Start(command.tokens);
            words.Start(command.words);
            word = 0;
        } else {
            const bool last = words.last;
            if (loading_codes) {
                code_affine[word] = parameters.read();
                loading_codes = !last;
            } else if (loading_wide) {
                wide_affine[word] = parameters.read();
                loading_wide = !last;
            } else {
                if (word == 0) factors = row_factors.read();
                const Row<Residual, kLanes> row = rows.read();
                const AffineRow<kLanes> code_parameters = code_affine[word];
                const AffineRow<kLanes> wide_parameters = wide_affine[word];
                Row<Code, kLanes> code_row;
                Row<Residual, kLanes> wide_row;

            lane:
                for (int lane = 0; lane < kLanes; ++lane) {
                    #pragma HLS UNROLL
                    const auto value = Normalise<kMaxWidth>(row.lane[lane], command.width, factors);
                    code_row.lane[lane] =
                        RoundSaturate<8>(Affine(value, code_parameters, lane), command.code_shift);
                    wide_row.lane[lane] =
                        RoundSaturate<16>(Affine(value, wide_parameters, lane), command.wide_shift);
                }
                if (command.codes) codes.write(code_row);
                if (command.wide) wide.write(wide_row);
                if (last) {
                    running = !tokens.last;
                    tokens.Step();
                }
            }
            if (last) {
                words.Start(command.words);
                word = 0;
            } else {
                words.Step();
                ++word;
            }
        }
    }
}

}  // namespace m3vit
