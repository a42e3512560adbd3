/// \file array_sequencer.hpp
/// From instructions to the blocks that the array works on, one after another.
///
///     instructions,  queues and fetched experts  ->  blocks,  orders of queues
///
///     TABLE      one block without rows
///     MATMUL     a block per kTokens rows, chunk after chunk
///     GATE       a block per kTokens / 2 tokens
///     ATTENTION  logits and context of kTokens queries each; logits lead by kAttentionLead blocks,
///                on to the next ATTENTION if that is already waiting
///     EXPERTS    expert after expert as their weights are fetched: the tokens of its queue, then
///                its hidden rows; weights of an expert without tokens are dropped
///
/// A block a cycle (II=1), one more cycle per instruction and three per expert; the array works on
/// a block for many. Everything that a block has to wait for is written in its commands, so nothing
/// waits here but for weights of experts.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/attention_block.hpp"
#include "m3vit/engine/expert_block.hpp"
#include "m3vit/engine/gate_block.hpp"
#include "m3vit/engine/loading.hpp"
#include "m3vit/engine/matmul_block.hpp"
#include "m3vit/queue.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// \tparam kTokens  rows that the array takes at a time
/// \tparam kParts   words of kLanes channels in a panel word
template <int kTokens, int kParts, int kMaxExperts>
void ArraySequencer(hls::stream<Dispatched>& instructions, hls::stream<Queue>& queues,
                    hls::stream<Fetched>& fetched, hls::stream<Block>& blocks,
                    hls::stream<RouteOrder>& orders) {
    enum Phase {
        kIdle,
        kMatmul,
        kGate,
        kAttention,
        kCount,  // queues of experts
        kFetch,  // the next expert
        kOpen,
        kUp,
        kDown,
        kDropUp,
        kDropDown
    };
    ap_uint<4> phase = kIdle;
    NextCommand<Dispatched> next;
    Dispatched current = {};
    BlockWalk<kTokens> walk;
    ChunkWalk chunk;
    WaitingContexts contexts;
    #pragma HLS ARRAY_PARTITION variable=contexts.block complete
    ap_uint<12> lengths[kMaxExperts];  // of the queues
                                       #pragma HLS ARRAY_PARTITION variable=lengths complete
    Countdown<9> queues_left;
    ap_uint<9> experts_left = 0;  // that have tokens
    ap_uint<8> expert = 0;
    ap_uint<12> length = 0;
    ExpertTurn turn;

block:
    M3VIT_FOREVER(instructions, phase != kIdle || next.ready || contexts.count != 0) {
        #pragma HLS PIPELINE II=1
        const InstructionBits bits = BitsOf(current);
        const MatmulInstruction matmul = AsMatmul(bits);
        const AttentionInstruction attention = AsAttention(bits);
        const ExpertsInstruction experts = AsExperts(bits);
        const InstructionBits next_bits = BitsOf(next.command);
        const ap_uint<kOpcodeBits> opcode = OpcodeOf(next_bits);
        const bool attention_follows = next.ready && opcode == kOpcodeAttention;
        bool take = false;

        if (contexts.Full() || (phase == kIdle && contexts.count != 0 && !attention_follows)) {
            blocks.write(contexts.block[0]);
            contexts.Pop();
        } else if (phase == kIdle) {
            take = next.ready;
            if (take) {
                current = next.command;
                const MatmulInstruction as_matmul = AsMatmul(next_bits);
                const AttentionInstruction as_attention = AsAttention(next_bits);
                const GateInstruction as_gate = AsGate(next_bits);
                const ExpertsInstruction as_experts = AsExperts(next_bits);
                if (opcode == kOpcodeMatmul) {
                    walk.Start(as_matmul.rows, as_matmul.base, as_matmul.to_base);
                    chunk.Start(as_matmul.chunks);
                    phase = kMatmul;
                } else if (opcode == kOpcodeAttention) {
                    walk.Start(as_attention.rows, as_attention.base, as_attention.to_base);
                    phase = kAttention;
                } else if (opcode == kOpcodeGate) {
                    walk.Start(ap_uint<13>(as_gate.rows) << 1, 0, 0);
                    phase = kGate;
                } else if (opcode == kOpcodeExperts) {
                    queues_left.Start(as_experts.experts);
                    experts_left = 0;
                    turn.first = true;
                    turn.hidden = 0;
                    phase = kCount;
                } else {
                    Block table = {};
                    table.kind = kTable;
                    blocks.write(table);
                }
            }
        } else if (phase == kMatmul) {
            blocks.write(MatmulBlock(current, walk, chunk));
            if (!walk.last) {
                walk.Step(matmul.stride, matmul.to_stride);
            } else {
                walk.Start(matmul.rows, matmul.base, matmul.to_base);
                if (chunk.count.last) phase = kIdle;
                chunk.Step(matmul.groups);
            }
        } else if (phase == kGate) {
            blocks.write(GateBlock(current, walk));
            if (walk.last) phase = kIdle;
            walk.Step(0, 0);
        } else if (phase == kAttention) {
            blocks.write(LogitsBlock(current, walk));
            contexts.Push(ContextBlock<kTokens, kParts>(current, walk));
            if (walk.last) phase = kIdle;
            walk.Step(attention.stride, attention.to_stride);
        } else if (phase == kCount) {
            const Queue queue = queues.read();
            lengths[queue.expert] = queue.length;
            if (queue.length != 0) ++experts_left;
            if (queues_left.last) phase = kFetch;
            queues_left.Step();
        } else if (phase == kFetch) {
            const Fetched item = fetched.read();
            expert = item.expert;
            length = lengths[item.expert];
            phase = item.end ? kIdle : kOpen;
            if (item.end) orders.write({0, 1});
        } else if (phase == kOpen) {
            phase = length == 0 ? kDropUp : kUp;
            if (length != 0) orders.write({expert, 0});
            turn.last = experts_left == 1;
            walk.Start(length, 0, experts.hidden_base);
        } else if (phase == kUp) {
            blocks.write(UpBlock(current, walk, turn));
            if (walk.last) {
                walk.Start(length, experts.hidden_base, 0);
                phase = kDown;
            } else {
                walk.Step(0, experts.hidden_stride);
            }
        } else if (phase == kDown) {
            blocks.write(DownBlock(current, walk, turn));
            if (walk.last) {
                turn.first = false;
                turn.hidden += length;
                --experts_left;
                phase = kFetch;
            } else {
                walk.Step(experts.hidden_stride, 0);
            }
        } else {
            blocks.write(DropBlock(current, phase == kDropUp));
            phase = phase == kDropUp ? kDropDown : kFetch;
        }
        next.Fetch(instructions, take);
    }
}

}  // namespace m3vit
