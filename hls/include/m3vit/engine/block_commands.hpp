/// \file block_commands.hpp
/// From blocks to the commands of all units on the array's path.
///
///     blocks  ->  commands of every unit that the block passes
///
/// A block a cycle (II=1), a cycle after it has come; a block keeps the array busy for groups x
/// beats cycles. Which units get a command, and what they are told:
///
///     kind                   product    logits    context    gate sums  drop   table
///     token_reads            rows       rows
///     panel_passages         tokens     tokens               gate rows
///     panel_commands         x          x         by word    x
///     weight_passages        ring       key-v.    key-v.     ring
///     tile_replays           send                            send       drop
///     parameter_replays      send                                       drop
///     key_value_reads                   keys      values
///     matmul_commands        x          x         x          x
///     sum_passages           rows       logits    rows       rows
///     softmax_commands_0                x
///     softmax_commands_1                (5)
///     attention_rows                    x
///     serialise_commands     x                    x          x
///     row_passages           requant.             context    gate
///     requantise_commands    x
///     attention_context_...                       x
///     context_writes                              x
///     gate_commands                                          x
///     route_commands                                         in the instruction's first block
///     result_passages        x
///     activation_commands    (1)                                               load
///     merge_passages         (1) (2)
///     token_writes           (1) (2)
///     residual_writes        (3)
///     key_value_writes       (4)
///     heartbeat              x          x         x          x          x      x
///
/// Results go (1) through the activation table to the token memory, (2) past it to the token
/// memory, (3) to the residual stream, (4) to keys or values, or to memory without a command.
/// Each softmax takes half of the array's rows; (5) a small block may have none for the second.
#pragma once

#include <hls_stream.h>

#include "m3vit/activation.hpp"
#include "m3vit/attention_context.hpp"
#include "m3vit/engine/block.hpp"
#include "m3vit/engine/softmax.hpp"
#include "m3vit/gate_types.hpp"
#include "m3vit/matmul_array.hpp"
#include "m3vit/panel.hpp"
#include "m3vit/requantise.hpp"
#include "m3vit/route.hpp"
#include "m3vit/serialise.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// Results in the order in which the array gives them: word 0 of every row, then word 1.
inline RowOrder OrderOf(const BlockSize& size) {
    #pragma HLS INLINE
    return {1, size.rows, size.groups};
}

inline TokenReadCommand TokenReadOf(const Block& block) {
    #pragma HLS INLINE
    const BlockSource& source = block.source;
    return {source.domain,   source.order,     source.place,
            block.size.rows, block.size.words, source.gathered};
}

inline TokenWriteCommand TokenWriteOf(const Block& block) {
    #pragma HLS INLINE
    const BlockTarget& target = block.target;
    return {target.domain, target.order, target.place, target.offset, OrderOf(block.size)};
}

inline ResidualWriteCommand ResidualWriteOf(const Block& block) {
    #pragma HLS INLINE
    const BlockTarget& target = block.target;
    ResidualWriteCommand command;
    command.action = target.scatter ? ResidualWriteCommand::kScatter : ResidualWriteCommand::kAdd;
    command.bank = target.domain - kResidualDomain;
    command.order = target.order;
    command.first = target.place.base;
    command.stride = target.place.stride;
    command.offset = target.offset;
    command.rows = OrderOf(block.size);
    return command;
}

inline KeyValueWriteCommand KeyValueWriteOf(const Block& block) {
    #pragma HLS INLINE
    const BlockTarget& target = block.target;
    KeyValueWriteCommand command;
    command.memory = target.memory;
    command.order = target.order;
    command.base = target.place.base;
    command.head_tiles = target.place.stride;
    command.step = target.step;
    command.head_words = target.head_words;
    command.token = target.offset;
    command.rows = OrderOf(block.size);
    return command;
}

/// All blocks of an instruction read what was written in front of it.
inline KeyValueReadCommand KeyValueReadOf(const Block& block, ap_uint<18> tiles) {
    #pragma HLS INLINE
    const BlockKeyValues& key_values = block.key_values;
    KeyValueReadCommand command;
    command.memory = block.kind == kLogits ? kKeys : kValues;
    command.order = {key_values.after, 0, key_values.last};
    command.base = key_values.base;
    command.tiles = tiles;
    return command;
}

/// \param rows  of the block that this softmax takes
inline SoftmaxCommand SoftmaxOf(const Block& block, ap_uint<7> rows) {
    #pragma HLS INLINE
    return {rows, block.size.groups, block.keys, block.scale.multiplier, block.scale.shift};
}

inline AttentionContextCommand AttentionContextOf(const Block& block) {
    #pragma HLS INLINE
    const BlockScale& scale = block.scale;
    AttentionContextCommand command;
    command.groups = 1;
    command.group = block.size.rows;
    command.words = block.size.groups;
    command.multiplier = scale.multiplier;
    command.shift = scale.shift;
    command.zero_point = scale.zero_point;
    return command;
}

inline GateCommand GateOf(const Block& block) {
    #pragma HLS INLINE
    const BlockGate& gate = block.gate;
    GateCommand command;
    command.token = gate.token;
    command.groups = 1;
    command.group = block.size.rows >> 1;
    command.experts = gate.experts;
    command.words = block.size.groups;
    command.first = gate.first;
    command.last = gate.last;
    command.kept = gate.kept;
    command.normalise_kept = gate.normalise_kept;
    command.prune_threshold = gate.prune_threshold;
    command.load = gate.load;
    command.trace = 0;
    return command;
}

/// \tparam kTokens  rows that the array takes at a time
template <int kTokens>
void BlockCommands(
    hls::stream<Block>& blocks, hls::stream<TokenReadCommand>& token_reads,
    hls::stream<Passage>& panel_passages, hls::stream<PanelCommand>& panel_commands,
    hls::stream<Passage>& weight_passages, hls::stream<ReplayCommand>& tile_replays,
    hls::stream<ReplayCommand>& parameter_replays,
    hls::stream<KeyValueReadCommand>& key_value_reads, hls::stream<MatmulCommand>& matmul_commands,
    hls::stream<Passage>& sum_passages, hls::stream<SoftmaxCommand>& softmax_commands_0,
    hls::stream<SoftmaxCommand>& softmax_commands_1, hls::stream<ap_uint<7>>& attention_rows,
    hls::stream<SerialiseCommand>& serialise_commands, hls::stream<Passage>& row_passages,
    hls::stream<RequantiseCommand>& requantise_commands,
    hls::stream<AttentionContextCommand>& attention_context_commands,
    hls::stream<TokenWriteCommand>& context_writes, hls::stream<GateCommand>& gate_commands,
    hls::stream<RouteCommand>& route_commands, hls::stream<Passage>& result_passages,
    hls::stream<ActivationCommand>& activation_commands, hls::stream<Passage>& merge_passages,
    hls::stream<TokenWriteCommand>& token_writes,
    hls::stream<ResidualWriteCommand>& residual_writes,
    hls::stream<KeyValueWriteCommand>& key_value_writes, hls::stream<ap_uint<1>>& heartbeat) {
    NextCommand<Block> next;

block:
    M3VIT_FOREVER(blocks, next.ready) {
        #pragma HLS PIPELINE II=1
        const Block block = next.command;
        const ap_uint<3> kind = next.ready ? block.kind : ap_uint<3>(kNoBlock);
        const ap_uint<7> rows = block.size.rows;
        const ap_uint<10> groups = block.size.groups;
        const ap_uint<20> panel_words = rows * block.size.words;
        const ap_uint<18> tiles = groups * block.size.beats;
        const ap_uint<20> results = rows * groups;
        const bool both_halves = rows > kTokens / 2;
        const bool multiplies = kind != kDrop && kind != kTable && kind != kNoBlock;
        const bool activated = kind == kProduct && block.target.way == kToActivation;
        const bool to_tokens = kind == kProduct && block.target.way == kToTokens;

        // What the array multiplies.
        if (kind == kProduct || kind == kLogits) token_reads.write(TokenReadOf(block));
        if (multiplies) {
            const ap_uint<3> way = kind == kGateSums ? kFromGateRows : kFromTokens;
            if (kind != kContext) panel_passages.write({way, panel_words});
            panel_commands.write({rows, block.size.words, groups, ap_uint<1>(kind == kContext)});
            const bool ring = kind == kProduct || kind == kGateSums;
            weight_passages.write({ap_uint<3>(ring ? kFromRing : kFromKeyValues), tiles});
            matmul_commands.write({groups, block.size.beats});
            const ap_uint<3> sum_way = kind != kLogits ? kToRows
                                       : both_halves   ? kToBothHalves
                                                       : kToFirstHalf;
            sum_passages.write({sum_way, groups});
        }
        const ap_uint<1> send = kind != kDrop;
        if (kind == kProduct || kind == kGateSums || kind == kDrop) {
            tile_replays.write({ap_uint<16>(tiles), send, block.release, block.skip});
        }
        if (kind == kProduct || kind == kDrop) {
            parameter_replays.write({groups, send, block.release, 0});
        }
        if (kind == kLogits || kind == kContext) {
            key_value_reads.write(KeyValueReadOf(block, tiles));
        }

        // Logits.
        if (kind == kLogits) {
            const ap_uint<7> first_rows = both_halves ? ap_uint<7>(kTokens / 2) : rows;
            softmax_commands_0.write(SoftmaxOf(block, first_rows));
            if (both_halves) softmax_commands_1.write(SoftmaxOf(block, rows - kTokens / 2));
            attention_rows.write(rows);
        }

        // All other sums.
        if (kind == kProduct || kind == kContext || kind == kGateSums) {
            serialise_commands.write({groups, rows});
            const ap_uint<3> way = kind == kContext    ? kToContext
                                   : kind == kGateSums ? kToGate
                                                       : kToRequantise;
            row_passages.write({way, results});
        }
        if (kind == kContext) {
            attention_context_commands.write(AttentionContextOf(block));
            context_writes.write(TokenWriteOf(block));
        }
        if (kind == kGateSums) gate_commands.write(GateOf(block));
        if (kind == kGateSums && block.gate.load) {
            const ap_uint<9> experts = block.gate.last - block.gate.first;
            route_commands.write({block.gate.picks, block.gate.first, experts});
        }

        // Results of products.
        if (kind == kProduct) {
            const BlockScale& scale = block.scale;
            requantise_commands.write({groups, rows, scale.zero_point, scale.bits});
            result_passages.write({block.target.way, results});
        }
        if (activated || kind == kTable) {
            activation_commands.write({ap_uint<1>(kind == kTable), results});
        }
        if (activated || to_tokens) {
            merge_passages.write({block.target.way, results});
            token_writes.write(TokenWriteOf(block));
        }
        if (kind == kProduct && block.target.way == kToResidual) {
            residual_writes.write(ResidualWriteOf(block));
        }
        if (kind == kProduct && block.target.way == kToKeyValues) {
            key_value_writes.write(KeyValueWriteOf(block));
        }
        if (kind != kNoBlock) heartbeat.write(1);
        next.Fetch(blocks, next.ready);
    }
}

}  // namespace m3vit
