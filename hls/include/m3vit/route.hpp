/// \file route.hpp
/// Expert queues: from the experts of every token to the tokens of every expert.
///
///     picks  T x K,  orders  ->  queues  E,  tokens and visits of the queues in order
///
/// One pick a cycle goes into the queue of its expert (II=1), in the order of the tokens. Behind
/// the last pick the lengths of all queues leave, one a cycle, for whoever fetches weights and for
/// whoever decides when an expert is run; then queues on request, one visit a cycle and three
/// cycles more per order. A queue may be as long as there are tokens, but all of them together
/// hold T x K visits: so they share one memory, in pages of 16 visits that are handed out in turn,
/// and not a visit is moved twice. Picks come slower than one a cycle, for the gate spends a cycle
/// on every expert of a token; visits leave faster than they are used: at `zcu104` an expert of
/// M3ViT tiny keeps the array busy for 72 cycles per visit.
/// No arithmetic. The queue of expert e equals `np.nonzero(routing.experts == e)` and its scores
/// in `m3vit.model.integer_ops.run_experts`; visits with score 0 are listed as well.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/pick.hpp"
#include "m3vit/queue.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"
#include "m3vit/visit.hpp"

namespace m3vit {

/// Queue the picks of some tokens; a token has chosen an expert once at most.
struct RouteCommand {
    ap_uint<16> picks;   ///< of all tokens, at least 1
    ap_uint<8> first;    ///< expert that has a queue
    ap_uint<9> experts;  ///< that have queues, at least 1
};

/// \tparam kMaxKept  largest K
template <int kMaxTokens, int kMaxKept, int kMaxExperts>
void Route(hls::stream<RouteCommand>& commands, hls::stream<Pick>& picks,
           hls::stream<RouteOrder>& orders, hls::stream<Queue>& queues,
           hls::stream<ap_uint<12>>& tokens, hls::stream<Visit>& visits) {
    static_assert(kMaxTokens < 4096, "a length has 12 bits");
    static_assert(kMaxExperts <= 256, "an expert's index has 8 bits");
    constexpr int kPage = 16;
    constexpr int kQueuePages = (kMaxTokens + kPage - 1) / kPage;
    // A queue of n visits takes less than n / kPage + 1 pages.
    constexpr int kPages = kMaxTokens * kMaxKept / kPage + kMaxExperts;
    using Page = ap_uint<BitLength(kPages - 1)>;

    Visit store[kPages * kPage];
    #pragma HLS AGGREGATE variable=store
    #pragma HLS BIND_STORAGE variable=store type=ram_s2p impl=bram
    Page page_table[kQueuePages][kMaxExperts];  // of each queue, in order
    #pragma HLS BIND_STORAGE variable=page_table type=ram_s2p impl=bram
    // The last page of each queue.
    Page open_pages[kMaxExperts];
    #pragma HLS ARRAY_PARTITION variable=open_pages complete
    ap_uint<12> lengths[kMaxExperts];
    #pragma HLS ARRAY_PARTITION variable=lengths complete

    enum Phase { kIdle, kFill, kTell, kOrder, kOpen, kStart, kList };
    ap_uint<3> phase = kIdle;
    RouteCommand command = {};
    Countdown<16> pick_count;
    Countdown<9> experts;
    ap_uint<8> expert = 0;   // that is told about, or listed
    Page pages = 0;          // handed out
    ap_uint<12> length = 0;  // of the expert's queue
    bool empty = false;      // the queue is
    Countdown<12> list;      // visits
    ap_uint<12> position = 0;

pick:
    M3VIT_FOREVER(commands, phase != kIdle) {
        #pragma HLS PIPELINE II=1
        if (phase == kIdle) {
            command = commands.read();
            pick_count.Start(command.picks);
            experts.Start(command.experts);
            expert = command.first;
            pages = 0;
            phase = kFill;

        clear:
            for (int index = 0; index < kMaxExperts; ++index) lengths[index] = 0;
        } else if (phase == kFill) {
            const Pick pick = picks.read();
            const ap_uint<12> place = lengths[pick.expert];
            const bool turn = place % kPage == 0;
            const Page page = turn ? pages : open_pages[pick.expert];
            store[page * kPage + place % kPage] = {pick.token, pick.score};
            if (turn) {
                page_table[place / kPage][pick.expert] = pages;
                ++pages;
            }

        count:
            for (int index = 0; index < kMaxExperts; ++index) {
                if (index == pick.expert) {
                    ++lengths[index];
                    open_pages[index] = page;
                }
            }
            if (pick_count.last) phase = kTell;
            pick_count.Step();
        } else if (phase == kTell) {
            queues.write({expert, lengths[expert]});
            if (experts.last) phase = kOrder;
            ++expert;
            experts.Step();
        } else if (phase == kOrder) {
            const RouteOrder order = orders.read();
            expert = order.expert;
            phase = order.end ? kIdle : kOpen;
        } else if (phase == kOpen) {
            length = lengths[expert];
            phase = kStart;
        } else if (phase == kStart) {
            list.Start(length);
            empty = length == 0;
            position = 0;
            phase = kList;
        } else {
            if (!empty) {
                const Page page = page_table[position / kPage][expert];
                const Visit visit = store[page * kPage + position % kPage];
                tokens.write(visit.token);
                visits.write(visit);
                ++position;
            }
            if (empty || list.last) phase = kOrder;
            list.Step();
        }
    }
}

}  // namespace m3vit
