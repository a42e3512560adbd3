/// \file issue.hpp
/// Hands out instructions, in order, with what their accesses have to wait for.
///
///     instructions  ->  queues of the sequencers
///
/// An instruction leaves when all queues that it goes to have room and few enough accesses are
/// under way, four cycles after the last one at least; a cycle is an iteration (II=1). What retires
/// is taken in every cycle, whatever waits, so that no memory is held up by it. No arithmetic
/// beside counting.
#pragma once

#include <hls_stream.h>

#include "m3vit/engine/checked.hpp"
#include "m3vit/engine/image_command.hpp"
#include "m3vit/isa.hpp"
#include "m3vit/stream.hpp"

namespace m3vit {

/// Accesses of one kind that are under way: 31 at most.
struct UnderWay {
    ap_uint<6> count = 0;

    /// There is room for those of one more instruction.
    bool HasRoom() const {
        #pragma HLS INLINE
        constexpr int kMost = 31;
        constexpr int kOfInstruction = 2;
        return count <= kMost - kOfInstruction;
    }
    /// Call once per cycle.
    void Step(const ap_uint<2>& issued, hls::stream<ap_uint<1>>& retired) {
        #pragma HLS INLINE
        const bool one = count != 0 && !retired.empty();
        if (one) retired.read();
        count = count + issued - one;
    }
};

/// Accesses per domain, modulo 64, in the order of the program.
struct DomainCounters {
    AccessCount count[kDomains] = {0, 0, 0, 0, 0, 0, 0, 0, 0};

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
    dispatched.trails = checked.trails;
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
    return {
        ResidualWriteCommand::kLoad, load.bank, WholeWrite(instruction), load.first, load.words, 0,
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

/// Likewise of the residual stream's.
inline ap_uint<2> ResidualAccesses(const ap_uint<kDomains>& domains) {
    #pragma HLS INLINE
    ap_uint<2> count = 0;

bank:
    for (int bank = 0; bank < kResidualBanks; ++bank) count += domains[kResidualDomain + bank];
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
    // Fetched; whether it can leave is looked at a cycle later, and decided in the next one.
    enum Phase { kFetch, kLook, kDecide, kIssue };
    ap_uint<2> phase = kFetch;
    Checked checked;
    bool issues = false;   // otherwise the program ends with it
    bool failed = false;   // until reset
    bool blocked = false;  // a queue that it needs is full
    bool idle = true;      // nothing is under way
    bool settled = true;   // nothing is being stored
    bool room = true;
    ap_uint<16> position = 0;
    DomainCounters reads, writes;
    #pragma HLS ARRAY_PARTITION variable=reads.count type=complete
    #pragma HLS ARRAY_PARTITION variable=writes.count type=complete
    UnderWay row_reads, row_writes, token_reads, token_writes, key_value_reads, key_value_writes;
    UnderWay stored;
    // Of the instruction that was fetched: counted a cycle before they are needed.
    ap_uint<2> row_read_count = 0;
    ap_uint<2> row_write_count = 0;
    ap_uint<2> token_read_count = 0;
    ap_uint<2> token_write_count = 0;

instruction:
    M3VIT_FOREVER(instructions, phase != kFetch || !idle) {
        #pragma HLS PIPELINE II=1
        ap_uint<kQueues> full;
        full[kLoadQueue] = loads.full();
        full[kDataQueue] = data.full();
        full[kRowQueue] = rows.full();
        full[kArrayQueue] = array.full();
        full[kImageQueue] = images.full();
        full[kResidualLoadQueue] = residual_loads.full();
        full[kStoreQueue] = stores.full();
        const ap_uint<kQueues> queues = checked.uses.queues;
        const ap_uint<4> opcode = checked.word[0];
        const bool wrong = checked.code != kCodeWell;
        const bool end = opcode == kOpcodeEnd;
        const bool issue = phase == kIssue && issues;
        const bool now_blocked = (full & queues) != 0;
        const bool now_settled = stored.count == 0;
        const bool now_idle = now_settled && row_reads.count == 0 && row_writes.count == 0 &&
                              token_reads.count == 0 && token_writes.count == 0 &&
                              key_value_reads.count == 0 && key_value_writes.count == 0;
        const bool now_room = row_reads.HasRoom() && row_writes.HasRoom() &&
                              token_reads.HasRoom() && token_writes.HasRoom() &&
                              key_value_reads.HasRoom() && key_value_writes.HasRoom() &&
                              stored.HasRoom();

        if (issue) {
            const Dispatched dispatched = DispatchedOf(checked, reads, writes);
            if (queues[kLoadQueue]) loads.write(dispatched);
            if (queues[kDataQueue]) data.write(checked.data);
            if (queues[kRowQueue]) rows.write(dispatched);
            if (queues[kArrayQueue]) array.write(dispatched);
            if (queues[kImageQueue]) images.write(CutCommand(dispatched));
            if (queues[kResidualLoadQueue]) residual_loads.write(LoadCommand(dispatched));
            if (queues[kStoreQueue]) stores.write(checked.store);
        }
        if (phase == kIssue && !issues) ending.write({checked.code, position});

        const ap_uint<kDomains> read = issue ? checked.uses.reads : ap_uint<kDomains>(0);
        const ap_uint<kDomains> written = issue ? checked.uses.writes : ap_uint<kDomains>(0);
        reads.Count(read);
        writes.Count(written);
        const ap_uint<2> none = 0;
        row_reads.Step(issue ? row_read_count : none, row_reads_retired);
        row_writes.Step(issue ? row_write_count : none, row_writes_retired);
        token_reads.Step(issue ? token_read_count : none, token_reads_retired);
        token_writes.Step(issue ? token_write_count : none, token_writes_retired);
        key_value_reads.Step(ap_uint<2>(read[kKeyValueDomain]), key_value_reads_retired);
        key_value_writes.Step(ap_uint<2>(written[kKeyValueDomain]), key_value_writes_retired);
        stored.Step(ap_uint<2>(issue && queues[kStoreQueue]), stores_retired);

        row_read_count = ResidualAccesses(checked.uses.reads);
        row_write_count = ResidualAccesses(checked.uses.writes);
        token_read_count = TokenAccesses(checked.uses.reads);
        token_write_count = TokenAccesses(checked.uses.writes);
        if (phase == kFetch) {
            if (!instructions.empty()) {
                checked = instructions.read();
                phase = kLook;
            }
        } else if (phase == kLook) {
            phase = kDecide;
        } else if (phase == kDecide) {
            // What a LOAD reads may just have been stored.
            const bool can = room && !blocked && (settled || opcode != kOpcodeLoad);
            issues = !wrong && !end;
            if (failed) {
                phase = kFetch;
            } else if (wrong || (end ? idle : can)) {
                phase = kIssue;
            }
        } else {
            phase = kFetch;
            failed = wrong;
            position = end ? ap_uint<16>(0) : ap_uint<16>(position + 1);
        }
        blocked = now_blocked;
        settled = now_settled;
        idle = now_idle;
        room = now_room;
    }
}

}  // namespace m3vit
