/// \file token_memory.hpp
/// Rows of int8 codes on chip: what the array reads, and where most of its results go.
///
///     codes of four writers  words of kLanes  ->  rows  words of kWord
///
/// A word is read and a word is written per cycle (II=1), which do not wait for one another unless
/// accesses.hpp says so; between reads no cycle is lost, if they have two words at least. Of the
/// writers the array goes before what works ahead of it, and one that waits for reads holds up no
/// other: when the array has no more rows, those that it needs come in. Rows that are read are
/// consecutive ones, or have indices that come on a stream: those of an expert's tokens. A word of
/// the array is as wide as kWord / kLanes words that came; these lie in banks side by side. If only
/// some of its banks were written, the others hold anything, which meets weights that are zero.
///
/// A process per writer says where words go; one process has the memory. It takes an iteration for
/// each cycle, and iterations see their accesses in order: what one counts as finished the next one
/// can read. No arithmetic. Gathered rows equal `inputs[tokens]` in
/// `m3vit.model.integer_ops.run_experts`.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/engine/scoreboard.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// LayerNorm, patches, results of the array, context of attention: the last one goes first.
constexpr int kTokenWriters = 4;

/// Words of kLanes channels that the token memory can hold, and more.
using TokenPlace = ap_uint<20>;

/// A word on its way into the memory.
template <int kLanes>
struct TokenWord {
    Domain domain;
    WordOrder order;
    TokenPlace place;
    Row<Code, kLanes> codes;
};

/// Where the words of one writer go.
///
/// \tparam kParts  words of kLanes channels in a word of the memory
template <int kLanes, int kParts>
void TokenWriter(hls::stream<TokenWriteCommand>& commands, hls::stream<Row<Code, kLanes>>& codes,
                 hls::stream<TokenWord<kLanes>>& words) {
    NextCommand<TokenWriteCommand> next;
    TokenWriteCommand command = {};
    RowGroups walk;
    bool starts = false;         // the present word is the first of its command
    TokenPlace group_start = 0;  // first word of the group's first row
    TokenPlace row_start = 0;
    ap_uint<12> word = 0;

word:
    M3VIT_FOREVER(commands, walk.running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool ends = walk.rows.last && walk.words.last && walk.groups.last;
        const bool take = (!walk.running || ends) && next.ready;
        if (walk.running) {
            const TokenPlace place = row_start + word;
            words.write(
                {command.domain, OrderOfWord(command.order, walk, starts), place, codes.read()});
            starts = false;
            const TokenPlace next_row = row_start + command.place.stride * kParts;
            if (!walk.rows.last) {
                row_start = next_row;
            } else if (!walk.words.last) {
                row_start = group_start;
                ++word;
            } else {
                row_start = next_row;
                group_start = next_row;
                word = 0;
            }
            walk.Step();
        }
        if (take) {
            command = next.command;
            walk.Start(command.rows.groups, command.rows.words, command.rows.group);
            starts = true;
            group_start = command.place.base * kParts + command.offset;
            row_start = group_start;
            word = 0;
        }
        next.Fetch(commands, take);
    }
}

/// \tparam kLanes  channels of a word that comes
/// \tparam kWord   channels of a word that leaves
/// \tparam kDepth  words of kWord channels
template <int kLanes, int kWord, int kDepth>
void TokenBuffer(hls::stream<TokenReadCommand>& reads, hls::stream<ap_uint<12>>& tokens,
                 hls::stream<TokenWord<kLanes>> (&words)[kTokenWriters],
                 hls::stream<Row<Activation, kWord>>& rows, hls::stream<ap_uint<1>>& reads_retired,
                 hls::stream<ap_uint<1>>& writes_retired) {
    constexpr int kParts = kWord / kLanes;
    using Address = ap_uint<BitLength(kDepth - 1)>;

    Row<Code, kLanes> buffer[kDepth * kParts];
    #pragma HLS AGGREGATE variable=buffer
    #pragma HLS ARRAY_PARTITION variable=buffer type=cyclic factor=kParts
    #pragma HLS BIND_STORAGE variable=buffer type=ram_s2p impl=uram
    DomainAccesses domains[kTokenDomains];
    #pragma HLS ARRAY_PARTITION variable=domains complete
    Waiting<TokenWord<kLanes>> waiting[kTokenWriters];
    #pragma HLS ARRAY_PARTITION variable=waiting complete
    TokenWord<kLanes> written;  // that is written now
    bool write = false;
    Waiting<TokenReadCommand> following;
    TokenReadCommand command = {};
    LoopNest<12, 12> walk;  // rows, words
    ap_uint<12> row = 0;
    ap_uint<12> word = 0;
    bool row_starts = false;  // word == 0
    Address start = 0;        // of the row

word:
    M3VIT_FOREVER(reads, write || walk.running || following.ready || waiting[0].ready ||
                             waiting[1].ready || waiting[2].ready || waiting[3].ready ||
                             m3vit::more(reads, words[0], words[1], words[2], words[3])) {
        #pragma HLS PIPELINE II=1
        const bool indexed = command.gathered && row_starts;
        const bool send = walk.running && !rows.full() && (!indexed || !tokens.empty());
        const bool send_ends = send && walk.Ends();
        const bool take = (send_ends || !walk.running) && following.open;
        if (send) {
            ap_uint<12> index = row;
            if (indexed) index = tokens.read();
            const Address first = command.place.base + index * command.place.stride;
            start = row_starts ? first : start;
            const Address from = start + word;
            Row<Activation, kWord> result;

        part:
            for (int part = 0; part < kParts; ++part) {
                const Row<Code, kLanes> found = buffer[from * kParts + part];

            lane:
                for (int lane = 0; lane < kLanes; ++lane) {
                    result.lane[part * kLanes + lane] = found.lane[lane];
                }
            }
            rows.write(result);
            row_starts = walk.inner.last;
            word = walk.inner.last ? ap_uint<12>(0) : ap_uint<12>(word + 1);
            if (walk.inner.last) ++row;
            walk.Step();
        }
        if (write) buffer[written.place] = written.codes;

        const bool read_done = send_ends && command.order.last;
        const bool write_done = write && written.order.last;
        if (read_done) reads_retired.write(1);
        if (write_done) writes_retired.write(1);

        bool may_write[kTokenWriters];
        #pragma HLS ARRAY_PARTITION variable=may_write complete

    check:
        for (int index = 0; index < kTokenWriters; ++index) {
            const TokenWord<kLanes>& item = waiting[index].item;
            may_write[index] = domains[item.domain].MayWrite(item.order);
        }
        const TokenReadCommand coming = following.item;
        const bool may_read = domains[coming.domain].MayRead(coming.order);

    count:
        for (int domain = 0; domain < kTokenDomains; ++domain) {
            const bool here = write && written.domain == domain;
            domains[domain].Count(read_done && command.domain == domain,
                                  here ? written.order.finished : ap_uint<7>(0),
                                  here && written.order.last);
        }

        write = false;

    choose:
        for (int index = kTokenWriters - 1; index >= 0; --index) {
            const bool goes = waiting[index].open && !write;
            if (goes) {
                written = waiting[index].item;
                write = true;
            }
            waiting[index].Step(words[index], goes, may_write[index]);
        }
        if (take) {
            command = coming;
            walk.Start(command.rows, command.words);
            row = 0;
            word = 0;
            row_starts = true;
        }
        following.Step(reads, take, may_read);
    }
}

/// \tparam kLanes  channels of a word that comes
/// \tparam kWord   channels of a word that leaves
/// \tparam kDepth  words of kWord channels
template <int kLanes, int kWord, int kDepth>
void TokenMemory(hls::stream<TokenReadCommand>& reads, hls::stream<ap_uint<12>>& tokens,
                 hls::stream<TokenWriteCommand>& writes_0, hls::stream<Row<Code, kLanes>>& codes_0,
                 hls::stream<TokenWriteCommand>& writes_1, hls::stream<Row<Code, kLanes>>& codes_1,
                 hls::stream<TokenWriteCommand>& writes_2, hls::stream<Row<Code, kLanes>>& codes_2,
                 hls::stream<TokenWriteCommand>& writes_3, hls::stream<Row<Code, kLanes>>& codes_3,
                 hls::stream<Row<Activation, kWord>>& rows, hls::stream<ap_uint<1>>& reads_retired,
                 hls::stream<ap_uint<1>>& writes_retired) {
    #pragma HLS DATAFLOW
    static_assert(kWord % kLanes == 0, "a word that leaves is made of whole words that came");
    static_assert(kDepth * (kWord / kLanes) <= 1 << TokenPlace::width, "places have 20 bits");
    constexpr int kParts = kWord / kLanes;
    hls::stream<TokenWord<kLanes>> words[kTokenWriters];
    #pragma HLS STREAM variable=words depth=2

    M3VIT_PROCESS(TokenWriter<kLanes, kParts>(writes_0, codes_0, words[0]));
    M3VIT_PROCESS(TokenWriter<kLanes, kParts>(writes_1, codes_1, words[1]));
    M3VIT_PROCESS(TokenWriter<kLanes, kParts>(writes_2, codes_2, words[2]));
    M3VIT_PROCESS(TokenWriter<kLanes, kParts>(writes_3, codes_3, words[3]));
    M3VIT_PROCESS(TokenBuffer<kLanes, kWord, kDepth>(reads, tokens, words, rows, reads_retired,
                                                     writes_retired));
}

}  // namespace m3vit
