/// \file softmax.hpp
/// From the array's sums of queries and keys to attention weights in words of the activation panel.
///
///     tiles  kRows x kLanes  ->  words  kWord,  sums of each row's weights
///
/// Serialised, requantised to 16 bits, through the one pass of attention_weights.hpp, and put side
/// by side: kLanes logits a cycle. The engine has two of these, one for each half of the array's
/// rows, for heads of width kArrayInputs give a tile a cycle. One command for all units on the way.
#pragma once

#include <hls_stream.h>

#include "m3vit/attention_weights.hpp"
#include "m3vit/engine/pair_words.hpp"
#include "m3vit/requantise.hpp"
#include "m3vit/serialise.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// Some rows of logits of one head; all counts are at least 1.
struct SoftmaxCommand {
    ap_uint<7> rows;         ///< kRows at most
    ap_uint<10> words;       ///< of kLanes logits, of each row
    ap_uint<12> keys;        ///< logits of each row
    ap_uint<15> multiplier;  ///< of the head's requantisation
    ap_uint<6> shift;
};

/// What each unit has to do. No multiplier.
template <int kRows>
void SoftmaxCommands(hls::stream<SoftmaxCommand>& commands,
                     hls::stream<SerialiseCommand>& serialise_commands,
                     hls::stream<RequantiseCommand>& requantise_commands,
                     hls::stream<Row<RequantiseParameter, 1>>& parameters,
                     hls::stream<AttentionWeightsCommand>& attention_weights_commands,
                     hls::stream<PairWordsCommand>& pair_words_commands) {
command:
    M3VIT_FOREVER(commands, false) {
        #pragma HLS PIPELINE II=1
        const SoftmaxCommand command = commands.read();
        const ap_uint<BitLength(kRows)> rows = command.rows;
        ap_uint<13> results = 0;

    row:
        for (int row = 0; row < kRows; ++row) {
            #pragma HLS UNROLL
            if (row < rows) results += command.words;
        }
        serialise_commands.write({command.words, rows});
        requantise_commands.write({1, results, 0, 16});
        parameters.write({{{0, command.multiplier, command.shift}}});
        attention_weights_commands.write({1, rows, command.words, command.keys});
        pair_words_commands.write({rows, command.words});
    }
}

/// Logits are requantised to 16 bits.
template <int kLanes>
void LogitRows(hls::stream<Row<Wide, kLanes>>& logits, hls::stream<Row<Residual, kLanes>>& rows) {
word:
    M3VIT_FOREVER(logits, false) {
        #pragma HLS PIPELINE II=1
        const Row<Wide, kLanes> logit = logits.read();
        Row<Residual, kLanes> row;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) row.lane[lane] = logit.lane[lane];
        rows.write(row);
    }
}

/// \tparam kRows     that come together
/// \tparam kLanes    logits per word
/// \tparam kWord     weights per word
/// \tparam kMaxKeys  largest number of keys
template <int kRows, int kLanes, int kWord, int kMaxKeys>
void Softmax(hls::stream<SoftmaxCommand>& commands, hls::stream<Tile<Sum, kRows, kLanes>>& tiles,
             hls::stream<Row<Activation, kWord>>& words, hls::stream<AttentionSum>& sums) {
    #pragma HLS DATAFLOW
    constexpr int kBlocks = 8;  // between the ends of the chain
    hls::stream<SerialiseCommand, kBlocks> serialise_commands("serialise_commands");
    hls::stream<RequantiseCommand, kBlocks> requantise_commands("requantise_commands");
    hls::stream<Row<RequantiseParameter, 1>, kBlocks> parameters("parameters");
    hls::stream<AttentionWeightsCommand, kBlocks> attention_weights_commands(
        "attention_weights_commands");
    hls::stream<PairWordsCommand, kBlocks> pair_words_commands("pair_words_commands");
    hls::stream<Row<Sum, kLanes>, 2> logit_sums("logit_sums");
    hls::stream<Row<Wide, kLanes>, 2> logits("logits");
    hls::stream<Row<Residual, kLanes>, 2> logit_rows("logit_rows");
    hls::stream<Row<AttentionWeight, kLanes>, 2> weights("weights");

    M3VIT_PROCESS(SoftmaxCommands<kRows>(commands, serialise_commands, requantise_commands,
                                         parameters, attention_weights_commands,
                                         pair_words_commands));
    M3VIT_PROCESS(Serialise<kRows, kLanes>(serialise_commands, tiles, logit_sums));
    M3VIT_PROCESS(Requantise<kLanes>(requantise_commands, logit_sums, parameters, logits));
    M3VIT_PROCESS(LogitRows<kLanes>(logits, logit_rows));
    M3VIT_PROCESS(AttentionWeights<kLanes, kRows, kMaxKeys>(attention_weights_commands, logit_rows,
                                                            weights, sums));
    M3VIT_PROCESS(PairWords<kLanes, kWord, kRows>(pair_words_commands, weights, words));
}

}  // namespace m3vit
