/// \file scoreboard.hpp
/// How a memory keeps the order of accesses.hpp.
///
/// Each domain has an entry: how many of its reads and writes are complete, and how many rows the
/// write under way has finished. A write begins only behind all accesses in front of it, so at most
/// one is under way, and the counts of a command need comparing for equality only.
///
/// Words of different writers wait in front of a memory, one of each, with all that is needed to
/// know whether they may go on. That is known a cycle later, in a register: so a word that begins a
/// write and a command that reads wait a cycle at least, and all other words come one per cycle.
#pragma once

#include "m3vit/engine/accesses.hpp"
#include "m3vit/row_groups.hpp"

namespace m3vit {

/// A word's part in the write that it belongs to.
struct WordOrder {
    AccessCount reads;    ///< in front of the write
    AccessCount writes;   ///< in front of the write
    ap_uint<1> begins;    ///< first word of an instruction: waits for them
    ap_uint<7> finished;  ///< rows that are finished with it
    ap_uint<1> last;      ///< the instruction's write is complete with it
};

/// That of the present word; `starts`: it is the first of its command.
inline WordOrder OrderOfWord(const WriteOrder& order, const RowGroups& walk, bool starts) {
    #pragma HLS INLINE
    const bool group_ends = walk.rows.last && walk.words.last;
    WordOrder word;
    word.reads = order.reads;
    word.writes = order.writes;
    word.begins = starts && order.first;
    word.finished = group_ends && order.completes ? walk.row_count : ap_uint<7>(0);
    word.last = group_ends && walk.groups.last && order.last;
    return word;
}

struct DomainAccesses {
    AccessCount reads = 0;   ///< complete
    AccessCount writes = 0;  ///< complete
    ap_uint<16> rows = 0;    ///< that the write under way has finished

    /// All writes in front of a read are complete.
    bool Settled(const ReadOrder& order) const {
        #pragma HLS INLINE
        return writes == order.after;
    }
    /// All but the last one are.
    bool AlmostSettled(const ReadOrder& order) const {
        #pragma HLS INLINE
        return AccessCount(writes + 1) == order.after;
    }
    bool MayRead(const ReadOrder& order) const {
        #pragma HLS INLINE
        return Settled(order) || (AlmostSettled(order) && rows >= order.need);
    }
    bool MayWrite(const WordOrder& order) const {
        #pragma HLS INLINE
        return reads == order.reads && writes == order.writes;
    }
    /// Count what happens in a cycle.
    ///
    /// \param read      a read is complete
    /// \param finished  rows that are
    /// \param written   a write is complete
    void Count(bool read, ap_uint<7> finished, bool written) {
        #pragma HLS INLINE
        if (read) ++reads;
        if (written) ++writes;
        rows = written ? ap_uint<16>(0) : ap_uint<16>(rows + finished);
    }
};

inline bool Waits(const WordOrder& order) {
    #pragma HLS INLINE
    return order.begins;
}

inline bool Waits(const ReadOrder&) {
    #pragma HLS INLINE
    return true;
}

/// What waits for its turn: a word of a write, or a read. `Item` has an `order`.
template <typename Item>
struct Waiting {
    bool ready = false;  ///< there is one
    bool open = false;   ///< and its turn has come
    Item item;

    /// Call once per cycle, after `item` has been looked at.
    ///
    /// \param taken  it goes its way now
    /// \param turn   what it waits for is there
    void Step(hls::stream<Item>& items, bool taken, bool turn) {
        #pragma HLS INLINE
        if (taken || !ready) {
            ready = !items.empty();
            open = false;
            if (ready) {
                item = items.read();
                open = !Waits(item.order);
            }
        } else {
            open = open || turn;
        }
    }
};

}  // namespace m3vit
