/// \file load_requests.hpp
/// Asks for weights as soon as the rings have room for them, and for those of experts before it is
/// known which are needed.
///
/// A chunk is requested whole, and its places in both rings are taken at that moment; the rings
/// tell when places are free again. So requests run ahead of the array by as much as the rings
/// hold, several are under way at a time, and what arrives can always be stored. A request every
/// other cycle at most; a tile alone takes eight lines of memory at `zcu104`.
///
/// Which experts the tokens of a layer have chosen is known only when its gate is through. Until
/// then those are fetched, in the order of their numbers, that were used the last time (`slot`: by
/// this task in this layer); after a reset none, so that no byte is moved in vain. From the moment
/// at which the first length of a queue arrives only those follow that are needed and not yet under
/// way. An expert is begun ahead of the lengths only if both its chunks have room, so that nothing
/// that is not needed is requested behind them. `fetched` tells which experts come into the rings,
/// in which order; it is for whoever runs them to drop those that nobody chose.
#pragma once

#include "m3vit/commands.hpp"
#include "m3vit/engine/load_plan.hpp"
#include "m3vit/queue.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// \tparam kTiles       places of the ring of tiles
/// \tparam kParameters  places of the ring of parameters
template <int kTiles, int kParameters, int kMaxExperts>
void RequestLoads(hls::stream<LoadPlan>& plans, hls::stream<Queue>& queues,
                  hls::stream<ap_uint<16>>& tile_credits,
                  hls::stream<ap_uint<16>>& parameter_credits, hls::stream<ReadRequest>& requests,
                  hls::stream<Contents>& contents, hls::stream<Fetched>& fetched) {
    static_assert(kTiles < (1 << 16) && kParameters < (1 << 16), "credits have 16 bits");
    constexpr int kSlots = 64;
    using Set = ap_uint<kMaxExperts>;  // of experts; bit 0 is the first one of the instruction

    Set used[kSlots];
    #pragma HLS BIND_STORAGE variable=used type=ram_s2p impl=lutram

    enum Phase { kIdle, kOpen, kSeek, kBegin, kRequest, kCount, kCounted };
    ap_uint<3> phase = kIdle;
    LoadPlan plan;
    ap_uint<16> free_tiles = kTiles;
    ap_uint<16> free_parameters = kParameters;
    ap_uint<16> freed_tiles = 0;  // in the cycle before
    ap_uint<16> freed_parameters = 0;
    Contents need = {0, 0};  // places that the next step takes
    bool fits = false;       // they are free; known a cycle after `need`
    ChunkPlan chunk;
    ap_uint<26> line = 0;  // of the chunk
    bool second = false;   // chunk of the expert
    Countdown<9> left;     // chunks or experts
    bool passed = false;   // all experts are
    bool known = false;    // which experts are needed
    ap_uint<8> index = 0;  // of an expert, from 0
    ap_uint<26> expert_line = 0;
    Set wanted = 0;  // bit 0: the expert at `index`
    Set needed = 0;
    Set taken = 0;

slot:
    for (int slot = 0; slot < kSlots; ++slot) {
        #pragma HLS PIPELINE II=1
        used[slot] = 0;
    }

step:
    M3VIT_FOREVER(plans, phase != kIdle || m3vit::more(plans, tile_credits, parameter_credits)) {
        #pragma HLS PIPELINE II=1
        const bool length_comes = !queues.empty();
        const bool requests_ready = !requests.full() && !contents.full();
        const bool fetched_ready = !fetched.full();
        free_tiles += freed_tiles;
        free_parameters += freed_parameters;
        freed_tiles = 0;
        freed_parameters = 0;
        if (!tile_credits.empty()) freed_tiles = tile_credits.read();
        if (!parameter_credits.empty()) freed_parameters = parameter_credits.read();
        const bool room = free_tiles >= need.tiles && free_parameters >= need.parameters;

        const LoadPlan present = plan;
        Contents reserved = {0, 0};
        bool restart = false;  // from the first expert
        bool next = false;     // to the next one, or to the next chunk of a matmul
        bool replan = false;   // `need` changes
        if (phase == kIdle) {
            if (!plans.empty()) {
                plan = plans.read();
                phase = kOpen;
            }
        } else if (phase == kOpen) {
            chunk = plan.chunk;
            line = plan.line;
            need = chunk.contents;
            replan = true;
            second = false;
            known = false;
            wanted = used[plan.slot];
            needed = 0;
            taken = 0;
            restart = true;
            phase = plan.experts ? kSeek : kRequest;
        } else if (phase == kSeek) {
            if (!known && length_comes) {
                restart = true;
                phase = kCount;
            } else if (!passed) {
                if (wanted[0]) {
                    need = known ? plan.chunk.contents : plan.both;
                    replan = true;
                    phase = kBegin;
                } else {
                    next = true;
                }
            } else if (known && fetched_ready) {
                fetched.write({0, 1});
                phase = kIdle;
            }
        } else if (phase == kBegin) {
            if (!known && length_comes) {
                restart = true;
                phase = kCount;
            } else if (fits && fetched_ready) {
                fetched.write({ap_uint<8>(plan.expert + index), 0});
                taken |= Set(1) << index;
                chunk = plan.chunk;
                line = expert_line;
                need = plan.chunk.contents;
                replan = true;
                phase = kRequest;
            }
        } else if (phase == kRequest) {
            if (fits && requests_ready) {
                requests.write({line, chunk.lines});
                contents.write(chunk.contents);
                reserved = chunk.contents;
                line += chunk.lines;
                replan = true;
                if (!plan.experts) {
                    if (left.last) phase = kIdle;
                    next = true;
                } else if (!second) {
                    second = true;
                    chunk = plan.second;
                    need = plan.second.contents;
                } else {
                    second = false;
                    next = true;
                    phase = kSeek;
                }
            }
        } else if (phase == kCount) {
            if (length_comes) {
                const Queue queue = queues.read();
                if (queue.length != 0) needed |= Set(1) << index;
                if (left.last) phase = kCounted;
                next = true;
            }
        } else {
            used[plan.slot] = needed;
            wanted = needed & ~taken;
            known = true;
            restart = true;
            phase = kSeek;
        }

        if (restart) {
            left.Start(present.count);
            passed = false;
            index = 0;
            expert_line = present.line;
        } else if (next) {
            passed = left.last;
            left.Step();
            ++index;
            expert_line += present.expert_lines;
            wanted >>= 1;
        }
        free_tiles -= reserved.tiles;
        free_parameters -= reserved.parameters;
        fits = room && !replan;
    }
}

}  // namespace m3vit
