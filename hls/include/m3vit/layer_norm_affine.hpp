/// \file layer_norm_affine.hpp
/// End of a LayerNorm: gains and biases, and codes of one or two widths.
///
///   normalised  T x D  ->  codes  T x D,  wide  T x D
///
/// A word per cycle (II=1), one more cycle per command, and one per word of parameters when they
/// change. Two multipliers per lane. Equals `m3vit.model.integer_ops.scale_and_shift`.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/layer_norm_arithmetic.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// \tparam kLanes     channels per word
/// \tparam kMaxWidth  largest D
template <int kLanes, int kMaxWidth>
void LayerNormAffine(hls::stream<LayerNormCommand>& commands,
                     hls::stream<AffineRow<kLanes>>& parameters,
                     hls::stream<Row<Normalised<kMaxWidth>, kLanes>>& normalised,
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
    bool running = false;
    bool loading_codes = false;
    bool loading_wide = false;
    Countdown<12> tokens;
    Countdown<12> words;
    ap_uint<12> word = 0;

word:
    M3VIT_FOREVER(commands, running) {
        #pragma HLS PIPELINE II=1
        if (!running) {
            command = commands.read();
            running = true;
            loading_codes = command.load && command.codes;
            loading_wide = command.load && command.wide;
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
                const Row<Normalised<kMaxWidth>, kLanes> row = normalised.read();
                const AffineRow<kLanes> code_parameters = code_affine[word];
                const AffineRow<kLanes> wide_parameters = wide_affine[word];
                Row<Code, kLanes> code_row;
                Row<Residual, kLanes> wide_row;

            lane:
                for (int lane = 0; lane < kLanes; ++lane) {
                    #pragma HLS UNROLL
                    code_row.lane[lane] = RoundSaturate<8>(
                        Affine(row.lane[lane], code_parameters, lane), command.code_shift);
                    wide_row.lane[lane] = RoundSaturate<16>(
                        Affine(row.lane[lane], wide_parameters, lane), command.wide_shift);
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
