/// \file array_sequencer.hpp
/// From instructions to the blocks that the array works on, one after another.
///
///     instructions,  queues and fetched experts  ->  blocks,  orders of queues
///
///     TABLE      one block without rows
///     MATMUL     a block per kTokens rows, chunk after chunk
///     GATE       a block per kTokens / 2 tokens; kGateLag blocks behind those of the MATMUL in
///                front, if it may do so and is already waiting
///     ATTENTION  logits and context of kTokens queries each; logits lead by kAttentionLead blocks,
///                on to the next ATTENTION if that is already waiting and reads what this one reads
///     EXPERTS    expert after expert as their weights are fetched: the tokens of its queue, then
///                its hidden rows; weights of an expert without tokens are dropped
///
/// A block every other cycle (II=2), and four cycles more per instruction and per expert; the array
/// works on a block for many more. All that a block has to wait for is said in its commands, so
/// nothing waits here but for the weights of experts.
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
        kStart,
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
    Dispatched current;
    BlockWalk<kTokens> walk;
    ChunkWalk chunk;
    // Of a GATE that has begun in a MATMUL.
    bool gate_begun = false;
    BlockWalk<kTokens> gate_walk;
    ap_uint<3> gate_lag = 0;   // blocks of the MATMUL that must still come first
    ap_uint<2> gates_due = 0;  // blocks of the GATE that come next
    ap_uint<16> matmul_tiles = 0;
    // While logits come; they go before anything else but an ATTENTION that need not wait for them.
    WaitingContexts contexts;
    #pragma HLS ARRAY_PARTITION variable=contexts.block complete
    bool follows = false;  // there is one, in the iteration before
    // Of the queues.
    ap_uint<12> lengths[kMaxExperts];
    #pragma HLS ARRAY_PARTITION variable=lengths complete
    Countdown<9> queues_left;
    ap_uint<9> experts_left = 0;  // that have tokens
    ap_uint<8> expert = 0;
    ap_uint<12> length = 0;
    ExpertTurn turn;

instruction:
    M3VIT_FOREVER(instructions, phase != kIdle || next.ready || contexts.any) {
        #pragma HLS PIPELINE II=2
        const InstructionBits bits = BitsOf(current);
        const ap_uint<kOpcodeBits> opcode = OpcodeOf(bits);
        const MatmulInstruction matmul = AsMatmul(bits);
        const AttentionInstruction attention = AsAttention(bits);
        const GateInstruction gate = AsGate(bits);
        const ExpertsInstruction experts = AsExperts(bits);
        const ap_uint<kOpcodeBits> next_opcode = next.command.word[0];
        // Logits may only overtake contexts that they cannot wait for: those of the same queries.
        const AttentionInstruction following = AsAttention(BitsOf(next.command));
        const bool will_follow = next.ready && next_opcode == kOpcodeAttention &&
                                 following.domain == attention.domain &&
                                 next.command.after == current.after;
        const GateInstruction next_gate = AsGate(BitsOf(next.command));
        const bool gate_follows =
            next.ready && next_opcode == kOpcodeGate && next.command.trails && chunk.count.last;
        const bool context_goes =
            phase == kIdle ? contexts.any && !follows : phase == kAttention && contexts.full;
        const bool loads_table = phase == kStart && opcode == kOpcodeTable;
        const bool quiet = phase == kIdle || phase == kStart || phase == kCount ||
                           phase == kFetch || phase == kOpen;
        const bool take = phase == kIdle && next.ready && !context_goes;
        Block block;

        if (phase == kIdle) {
            if (take) {
                current = next.command;
                phase = kStart;
            }
        } else if (phase == kStart) {
            matmul_tiles = matmul.groups * matmul.beats;
            gates_due = 0;
            if (opcode == kOpcodeMatmul) {
                walk.Start(matmul.rows, matmul.base, matmul.to_base);
                chunk.Start(matmul.chunks);
                phase = kMatmul;
            } else if (opcode == kOpcodeAttention) {
                walk.Start(attention.rows, attention.base, attention.to_base);
                phase = kAttention;
            } else if (opcode == kOpcodeGate) {
                if (gate_begun) {
                    walk = gate_walk;
                } else {
                    walk.Start(ap_uint<13>(gate.rows) << 1, 0, 0);
                }
                gate_begun = false;
                phase = kGate;
            } else if (opcode == kOpcodeExperts) {
                queues_left.Start(experts.experts);
                experts_left = 0;
                turn.first = true;
                turn.hidden = 0;
                phase = kCount;
            } else {
                block.kind = kTable;
                phase = kIdle;
            }
        } else if (phase == kMatmul && gates_due != 0) {
            block = GateBlock(next_gate, gate_walk, matmul_tiles);
            gate_walk.Step(0, 0);
            // The last one frees the weights of the gate, behind those of the MATMUL.
            gates_due = gate_walk.last ? ap_uint<2>(0) : ap_uint<2>(gates_due - 1);
        } else if (phase == kMatmul) {
            block = MatmulBlock(matmul, current, walk, chunk);
            if (gate_follows && !gate_begun) {
                gate_walk.Start(ap_uint<13>(next_gate.rows) << 1, 0, 0);
                gate_begun = true;
                gate_lag = kGateLag - 1;
            } else if (gate_follows && gate_lag != 0) {
                --gate_lag;
            } else if (gate_follows && !gate_walk.last) {
                gates_due = 2;
            }
            if (!walk.last) {
                walk.Step(matmul.stride, matmul.to_stride);
            } else {
                walk.Start(matmul.rows, matmul.base, matmul.to_base);
                if (chunk.count.last) phase = kIdle;
                chunk.Step(matmul.groups);
            }
        } else if (phase == kGate) {
            block = GateBlock(gate, walk, 0);
            if (walk.last) phase = kIdle;
            walk.Step(0, 0);
        } else if (phase == kAttention) {
            if (!context_goes) {
                block = LogitsBlock(attention, current, walk);
                contexts.Push(ContextBlock<kTokens, kParts>(attention, current, walk));
                if (walk.last) phase = kIdle;
                walk.Step(attention.stride, attention.to_stride);
            }
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
            block = UpBlock(experts, current, walk, turn);
            if (walk.last) {
                walk.Start(length, experts.hidden_base, 0);
                phase = kDown;
            } else {
                walk.Step(0, experts.hidden_stride);
            }
        } else if (phase == kDown) {
            block = DownBlock(experts, current, walk, turn);
            if (walk.last) {
                turn.first = false;
                turn.hidden += length;
                --experts_left;
                phase = kFetch;
            } else {
                walk.Step(experts.hidden_stride, 0);
            }
        } else {
            block = DropBlock(experts, phase == kDropUp);
            phase = phase == kDropUp ? kDropDown : kFetch;
        }
        if (context_goes) {
            block = contexts.block[0];
            contexts.Pop();
        }
        if (!quiet || loads_table || context_goes) blocks.write(block);
        follows = will_follow;
        next.Fetch(instructions, take);
    }
}

}  // namespace m3vit
