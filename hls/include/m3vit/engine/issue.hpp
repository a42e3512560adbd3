/// \file issue.hpp
/// Hands out instructions, in order, with what their accesses have to wait for.
///
///     instructions  ->  queues of the sequencers
///
/// An instruction leaves when all queues that it goes to have room and few enough accesses are
/// under way, one a cycle at most (II=1). What retires is taken in every cycle, whatever waits, so
/// that no memory is held up by it. No arithmetic beside counting.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/checked.hpp"
#include "m3vit/engine/image_command.hpp"
#include "m3vit/isa.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// Accesses of one kind that are under way.
struct UnderWay {
    ap_uint<6> count = 0;
    bool idle = true;
    bool room = true;  ///< for the accesses of one more instruction

    /// Call once per cycle.
    void Step(const ap_uint<2>& issued, hls::stream<ap_uint<1>>& retired) {
        #pragma HLS INLINE
        constexpr int kMost = 31;
        constexpr int kOfInstruction = 2;
        const bool one = !idle && !retired.empty();
        if (one) retired.read();
        count = count + issued - one;
        idle = count == 0;
        room = count <= kMost - kOfInstruction;
    }
};

/// Accesses per domain, modulo 64, in the order of the program.
struct DomainCounters {
    AccessCount count[kDomains] = {};

    AccessCount Of(const ap_uint<4>& domain) const {
        #pragma HLS INLINE
        return domain == kNoDomain ? AccessCount(0) : count[Domain(domain)];
    }
    void Count(const ap_uint<kDomains>& domains) {
        #pragma HLS INLINE

    domain:
        for (int domain = 0; domain < kDomains; ++domain) count[domain] += domains[domain];
    }
};

inline Dispatched DispatchedOf(const Checked& checked, const DomainCounters& reads,
                               const DomainCounters& writes) {
    #pragma HLS INLINE
    const Uses& uses = checked.uses;
    const bool second_write = uses.writes_second;
    Dispatched dispatched;

word:
    for (int word = 0; word < 4; ++word) dispatched.word[word] = checked.word[word];
    const AccessCount before = writes.Of(uses.second_domain);
    dispatched.after = writes.Of(uses.read_domain);
    dispatched.second_after = before + second_write;
    dispatched.reads = reads.Of(uses.written_domain);
    dispatched.second_reads = second_write ? reads.Of(uses.second_domain) : AccessCount(0);
    dispatched.writes = writes.Of(uses.written_domain);
    dispatched.second_writes = second_write ? before : AccessCount(0);
    return dispatched;
}

/// The order of a write that one command makes.
inline WriteOrder WholeWrite(const Dispatched& instruction) {
    #pragma HLS INLINE
    return {instruction.reads, 1, 1, 1, instruction.writes};
}

inline ResidualWriteCommand LoadCommand(const Dispatched& instruction) {
    #pragma HLS INLINE
    const LoadInstruction load = AsLoad(BitsOf(instruction));
    return {ResidualWriteCommand::kLoad, WholeWrite(instruction), load.first, load.words, 0,
            {load.rows, 1, load.words}};
}

inline ImageCommand CutCommand(const Dispatched& instruction) {
    #pragma HLS INLINE
    const ImageInstruction image = AsImage(BitsOf(instruction));
    return {{image.strips, image.patches, image.channels, image.patch_size, image.columns,
             image.column_bytes, image.patch_bytes, image.row_bytes, image.strip_bytes},
            {image.domain,
             WholeWrite(instruction),
             {image.base, image.stride},
             0,
             {image.rows, 1, image.words}}};
}

/// Bits of the token memory's domains.
inline ap_uint<2> TokenAccesses(const ap_uint<kDomains>& domains) {
    #pragma HLS INLINE
    ap_uint<2> count = 0;

domain:
    for (int domain = 0; domain < kTokenDomains; ++domain) count += domains[domain];
    return count;
}

inline void Issue(hls::stream<Checked>& instructions, hls::stream<ap_uint<1>>& row_reads_retired,
                  hls::stream<ap_uint<1>>& row_writes_retired,
                  hls::stream<ap_uint<1>>& token_reads_retired,
                  hls::stream<ap_uint<1>>& token_writes_retired,
                  hls::stream<ap_uint<1>>& key_value_reads_retired,
                  hls::stream<ap_uint<1>>& key_value_writes_retired,
                  hls::stream<ap_uint<1>>& stores_retired, hls::stream<Dispatched>& loads,
                  hls::stream<DataCommand>& data, hls::stream<Dispatched>& rows,
                  hls::stream<Dispatched>& array, hls::stream<ImageCommand>& images,
                  hls::stream<ResidualWriteCommand>& residual_loads,
                  hls::stream<StoreCommand>& stores, hls::stream<Ending>& ending) {
    NextCommand<Checked> next;
    bool failed = false;  // until reset
    ap_uint<16> position = 0;
    DomainCounters reads, writes;
    #pragma HLS ARRAY_PARTITION variable=reads.count type=complete
    #pragma HLS ARRAY_PARTITION variable=writes.count type=complete
    UnderWay row_reads, row_writes, token_reads, token_writes, key_value_reads, key_value_writes;
    UnderWay stored;
    bool idle = true;  // nothing is under way
    bool room = true;

instruction:
    M3VIT_FOREVER(instructions, next.ready || !idle) {
        #pragma HLS PIPELINE II=1
        const Checked& checked = next.command;
        const ap_uint<kQueues> queues = checked.uses.queues;
        const Dispatched dispatched = DispatchedOf(checked, reads, writes);
        const ap_uint<4> opcode = checked.word[0];
        const bool wrong = checked.code != kCodeWell;
        const bool end = opcode == kOpcodeEnd;

        ap_uint<kQueues> full;
        full[kLoadQueue] = loads.full();
        full[kDataQueue] = data.full();
        full[kRowQueue] = rows.full();
        full[kArrayQueue] = array.full();
        full[kImageQueue] = images.full();
        full[kResidualLoadQueue] = residual_loads.full();
        full[kStoreQueue] = stores.full();
        // What a LOAD reads may just have been stored.
        const bool settled = opcode != kOpcodeLoad || stored.idle;
        const bool can = wrong || (end ? idle : room && settled && (full & queues) == 0);
        const bool take = next.ready && (failed || can);
        const bool issue = take && !failed && !wrong;

        if (issue && queues[kLoadQueue]) loads.write(dispatched);
        if (issue && queues[kDataQueue]) data.write(checked.data);
        if (issue && queues[kRowQueue]) rows.write(dispatched);
        if (issue && queues[kArrayQueue]) array.write(dispatched);
        if (issue && queues[kImageQueue]) images.write(CutCommand(dispatched));
        if (issue && queues[kResidualLoadQueue]) residual_loads.write(LoadCommand(dispatched));
        if (issue && queues[kStoreQueue]) stores.write(checked.store);
        if (take && !failed && (wrong || end)) ending.write({checked.code, position});

        const ap_uint<kDomains> read = issue ? checked.uses.reads : ap_uint<kDomains>(0);
        const ap_uint<kDomains> written = issue ? checked.uses.writes : ap_uint<kDomains>(0);
        reads.Count(read);
        writes.Count(written);
        row_reads.Step(ap_uint<2>(read[kResidualDomain]), row_reads_retired);
        row_writes.Step(ap_uint<2>(written[kResidualDomain]), row_writes_retired);
        token_reads.Step(TokenAccesses(read), token_reads_retired);
        token_writes.Step(TokenAccesses(written), token_writes_retired);
        key_value_reads.Step(ap_uint<2>(read[kKeyValueDomain]), key_value_reads_retired);
        key_value_writes.Step(ap_uint<2>(written[kKeyValueDomain]), key_value_writes_retired);
        stored.Step(ap_uint<2>(issue && queues[kStoreQueue]), stores_retired);
        idle = row_reads.idle && row_writes.idle && token_reads.idle && token_writes.idle &&
               key_value_reads.idle && key_value_writes.idle && stored.idle;
        room = row_reads.room && row_writes.room && token_reads.room && token_writes.room &&
               key_value_reads.room && key_value_writes.room && stored.room;

        if (take) {
            position = end ? ap_uint<16>(0) : ap_uint<16>(position + 1);
            failed = failed || wrong;
        }
        next.Fetch(instructions, take);
    }
}

}  // namespace m3vit
