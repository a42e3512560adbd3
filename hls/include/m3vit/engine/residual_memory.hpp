/// \file residual_memory.hpp
/// The residual stream on chip: rows are loaded, added to, and read.
///
///     loaded rows, branches, outputs of experts with their visits  ->  rows
///
///     kLoad     row
///     kAdd      saturate(saturate(row) + branch, 16)
///     kScatter  row + round(output * score, 15), in 18 bits; who reads saturates
///
/// So the sum over a token's experts is saturated once, as in the reference: contributions are
/// rounded on their own, and the scores of a token sum to one at most, so 18 bits hold them all and
/// the order of the experts does not matter.
///
/// A word is written and a word is read per cycle (II=1). Sums read what they change: they go first
/// at the one read port, and rows leave in between. At the `zcu104` design point a block of the
/// array brings 48 words every 72 cycles with K = 192 inputs, which leaves a third of the cycles.
///
/// Rows are ordered with those of their bank: while sums go to one, the other is loaded. Sums go
/// first. Which rows belong to which bank is the program's.
///
/// A sum is written some stages behind its reading, so an address must not come back at once. No
/// address comes twice within a command, for a queue lists a token once; the first word of a
/// command keeps a distance of kDistance iterations from the word in front of it in its bank, and
/// what was written counts as finished that much later. That is what DEPENDENCE says.
///
/// Equals `add_residual` and the sum in `run_experts` of `m3vit.model.integer_ops`.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/engine/scoreboard.hpp"
#include "m3vit/rounding.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"
#include "m3vit/visit.hpp"

namespace m3vit {

/// A word on its way into the memory.
template <int kLanes>
struct ResidualWord {
    WordOrder order;
    ap_uint<2> action;  ///< ResidualWriteCommand::Action
    ap_uint<1> bank;
    ap_uint<1> starts;  ///< it is the first of its command
    ap_uint<16> place;
    Row<Wide, kLanes> values;
};

/// Where loaded rows go.
template <int kLanes>
void ResidualLoader(hls::stream<ResidualWriteCommand>& commands,
                    hls::stream<Row<Residual, kLanes>>& rows,
                    hls::stream<ResidualWord<kLanes>>& words) {
    NextCommand<ResidualWriteCommand> next;
    ResidualWriteCommand command = {};
    RowGroups walk;
    bool starts = false;
    ap_uint<16> row_start = 0;
    ap_uint<12> word = 0;

word:
    M3VIT_FOREVER(commands, walk.running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool ends = walk.words.last && walk.groups.last;
        const bool take = (!walk.running || ends) && next.ready;
        if (walk.running) {
            const Row<Residual, kLanes> row = rows.read();
            ResidualWord<kLanes> result;
            result.order = OrderOfWord(command.order, walk, starts);
            result.action = ResidualWriteCommand::kLoad;
            result.bank = command.bank;
            result.starts = starts;
            result.place = row_start + word;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) result.values.lane[lane] = row.lane[lane];
            words.write(result);
            starts = false;
            if (walk.words.last) row_start += command.stride;
            word = walk.words.last ? ap_uint<12>(0) : ap_uint<12>(word + 1);
            walk.Step();
        }
        if (take) {
            command = next.command;
            walk.Start(command.rows.groups, command.rows.words, 1);
            starts = true;
            row_start = command.first * command.stride + command.offset;
            word = 0;
        }
        next.Fetch(commands, take);
    }
}

/// Where branches and outputs go; outputs are weighted here.
///
/// \tparam kGroup  largest `rows.group`
template <int kLanes, int kGroup>
void ResidualBranches(hls::stream<ResidualWriteCommand>& commands,
                      hls::stream<Row<Wide, kLanes>>& branches, hls::stream<Visit>& visits,
                      hls::stream<ResidualWord<kLanes>>& words) {
    NextCommand<ResidualWriteCommand> next;
    ResidualWriteCommand command = {};
    RowGroups walk;
    bool starts = false;
    ap_uint<13> row = 0;  // the next one; of a scatter that of token 0
    ap_uint<12> word = 0;
    // Of the rows in flight.
    ap_uint<16> row_starts[kGroup];
    #pragma HLS ARRAY_PARTITION variable=row_starts complete
    ap_uint<16> scores[kGroup];
    #pragma HLS ARRAY_PARTITION variable=scores complete

word:
    M3VIT_FOREVER(commands, walk.running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool ends = walk.rows.last && walk.words.last && walk.groups.last;
        const bool take = (!walk.running || ends) && next.ready;
        if (walk.running) {
            const bool scatter = command.action == ResidualWriteCommand::kScatter;
            const Row<Wide, kLanes> branch = branches.read();
            if (walk.first) {
                Visit visit = {0, 0};
                if (scatter) visit = visits.read();
                const ap_uint<13> place = row + visit.token;
                row_starts[walk.row] = place * command.stride + command.offset;
                scores[walk.row] = visit.score;
                if (!scatter) ++row;
            }
            const ap_int<17> score = scores[walk.row];
            ResidualWord<kLanes> result;
            result.order = OrderOfWord(command.order, walk, starts);
            result.action = command.action;
            result.bank = command.bank;
            result.starts = starts;
            result.place = row_starts[walk.row] + word;

        lane:
            for (int lane = 0; lane < kLanes; ++lane) {
                const ap_int<33> product = Residual(branch.lane[lane]) * score;
                const Residual contribution = RoundShift<16>(product, ap_uint<4>(15));
                result.values.lane[lane] = scatter ? Wide(contribution) : branch.lane[lane];
            }
            words.write(result);
            starts = false;
            if (walk.rows.last) {
                word = walk.words.last ? ap_uint<12>(0) : ap_uint<12>(word + 1);
            }
            walk.Step();
        }
        if (take) {
            command = next.command;
            walk.Start(command.rows.groups, command.rows.words, command.rows.group);
            starts = true;
            row = command.first;
            word = 0;
        }
        next.Fetch(commands, take);
    }
}

/// How long ago a word was written.
template <int kDistance>
struct Rest {
    ap_uint<BitLength(kDistance)> left = 0;  ///< iterations until a command may start
    bool over = true;                        ///< left == 0

    /// Call once per iteration.
    void Step(bool written) {
        #pragma HLS INLINE
        over = !written && left == 0;
        left = written ? ap_uint<BitLength(kDistance)>(kDistance)
                       : ap_uint<BitLength(kDistance)>(left - (left != 0));
    }
};

/// What an iteration has written, until others may know.
struct ResidualProgress {
    ap_uint<1> bank = 0;
    ap_uint<7> finished = 0;  ///< rows
    bool last = false;        ///< the instruction's write is complete
};

/// \tparam kDepth  words
template <int kLanes, int kDepth>
void ResidualBuffer(hls::stream<ResidualWord<kLanes>>& loads,
                    hls::stream<ResidualWord<kLanes>>& sums,
                    hls::stream<ResidualReadCommand>& reads,
                    hls::stream<Row<Residual, kLanes>>& rows,
                    hls::stream<ap_uint<1>>& reads_retired,
                    hls::stream<ap_uint<1>>& writes_retired) {
    constexpr int kDistance = 8;
    using Address = ap_uint<BitLength(kDepth - 1)>;

    Row<Wide, kLanes> buffer[kDepth];
    #pragma HLS AGGREGATE variable=buffer
    #pragma HLS BIND_STORAGE variable=buffer type=ram_s2p impl=uram
    #pragma HLS DEPENDENCE variable=buffer type=inter direction=RAW distance=8 dependent=true
    DomainAccesses banks[kResidualBanks];
    #pragma HLS ARRAY_PARTITION variable=banks complete
    Waiting<ResidualWord<kLanes>> load;
    Waiting<ResidualWord<kLanes>> sum;
    Rest<kDistance> rests[kResidualBanks];
    #pragma HLS ARRAY_PARTITION variable=rests complete
    ResidualProgress progress[kDistance];
    #pragma HLS ARRAY_PARTITION variable=progress complete

    NextCommand<ResidualReadCommand> next;
    ResidualReadCommand command = {};
    LoopNest<12, 12> walk;  // rows, words
    ap_uint<12> row = 0;
    bool row_starts = false;  // the present word is the first of its row
    Address address = 0;
    bool settled = false;   // all rows can be read
    ap_int<17> ahead = -1;  // otherwise this many rows behind the first one, and itself

word:
    M3VIT_FOREVER(reads, walk.running || next.ready || load.ready || sum.ready || !rests[0].over ||
                             !rests[1].over || m3vit::more(reads, loads, sums)) {
        #pragma HLS PIPELINE II=1
        const bool sum_now = sum.open && (rests[sum.item.bank].over || !sum.item.starts);
        const bool load_now =
            load.open && !sum_now && (rests[load.item.bank].over || !load.item.starts);
        const bool write = load_now || sum_now;
        const ResidualWord<kLanes> word = sum_now ? sum.item : load.item;
        const bool allowed = !row_starts || settled || ahead >= row;
        const bool send = walk.running && allowed && !sum_now && !rows.full();
        const bool send_ends = send && walk.Ends();
        const bool take = (send_ends || !walk.running) && next.ready;

        const Row<Wide, kLanes> before = buffer[sum_now ? Address(word.place) : address];
        Row<Residual, kLanes> saturated;
        Row<Wide, kLanes> after;

    lane:
        for (int lane = 0; lane < kLanes; ++lane) {
            const Residual old = Saturate<16>(before.lane[lane]);
            const Wide value = word.values.lane[lane];
            const ap_int<19> sum_of_both = old + value;
            const ap_int<19> scattered = before.lane[lane] + value;
            saturated.lane[lane] = old;
            after.lane[lane] = word.action == ResidualWriteCommand::kLoad ? value
                               : word.action == ResidualWriteCommand::kScatter
                                   ? Wide(scattered)
                                   : Wide(Saturate<16>(sum_of_both));
        }
        if (send) rows.write(saturated);
        if (write) buffer[Address(word.place)] = after;

        const ResidualProgress done = progress[kDistance - 1];
        const bool read_done = send_ends && command.order.last;
        if (read_done) reads_retired.write(1);
        if (done.last) writes_retired.write(1);

        if (send) {
            ++address;
            row_starts = walk.inner.last;
            if (walk.inner.last) ++row;
            walk.Step();
        }
        const DomainAccesses& source = banks[command.bank];
        settled = !take && source.Settled(command.order);
        ahead = -1;
        if (!take && source.AlmostSettled(command.order)) {
            ahead = source.rows - command.order.need;
        }
        const bool may_load = banks[load.item.bank].MayWrite(load.item.order);
        const bool may_sum = banks[sum.item.bank].MayWrite(sum.item.order);

    count:
        for (int bank = 0; bank < kResidualBanks; ++bank) {
            const bool here = done.bank == bank;
            banks[bank].Count(read_done && command.bank == bank,
                              here ? done.finished : ap_uint<7>(0), here && done.last);
        }
        if (take) {
            command = next.command;
            walk.Start(command.rows, command.words);
            row = 0;
            row_starts = true;
            address = command.first * command.words;
        }
        next.Fetch(reads, take);

        load.Step(loads, load_now, may_load);
        sum.Step(sums, sum_now, may_sum);

    shift:
        for (int index = kDistance - 1; index > 0; --index) progress[index] = progress[index - 1];
        progress[0].bank = word.bank;
        progress[0].finished = write ? word.order.finished : ap_uint<7>(0);
        progress[0].last = write && word.order.last;

    rest:
        for (int bank = 0; bank < kResidualBanks; ++bank) {
            rests[bank].Step(write && word.bank == bank);
        }
    }
}

/// \tparam kDepth  words
/// \tparam kGroup  largest `rows.group` of sums
template <int kLanes, int kDepth, int kGroup>
void ResidualMemory(hls::stream<ResidualWriteCommand>& loads,
                    hls::stream<Row<Residual, kLanes>>& loaded,
                    hls::stream<ResidualWriteCommand>& writes,
                    hls::stream<Row<Wide, kLanes>>& branches, hls::stream<Visit>& visits,
                    hls::stream<ResidualReadCommand>& reads,
                    hls::stream<Row<Residual, kLanes>>& rows,
                    hls::stream<ap_uint<1>>& reads_retired,
                    hls::stream<ap_uint<1>>& writes_retired) {
    #pragma HLS DATAFLOW
    static_assert(kDepth <= 1 << 16, "places have 16 bits");
    static_assert(kGroup <= 64, "groups of row_groups.hpp");
    hls::stream<ResidualWord<kLanes>, 2> load_words("load_words");
    hls::stream<ResidualWord<kLanes>, 2> sum_words("sum_words");

    M3VIT_PROCESS(ResidualLoader<kLanes>(loads, loaded, load_words));
    M3VIT_PROCESS(ResidualBranches<kLanes, kGroup>(writes, branches, visits, sum_words));
    M3VIT_PROCESS(ResidualBuffer<kLanes, kDepth>(load_words, sum_words, reads, rows, reads_retired,
                                                 writes_retired));
}

}  // namespace m3vit
