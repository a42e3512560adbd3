/// \file accesses.hpp
/// What the engine's memories are told, and how they keep reads and writes in program order.
///
/// Instructions are dispatched in order, but each memory takes reads and writes from different
/// queues. So the dispatcher counts accesses per domain (a buffer of the program: a part of a
/// memory) and tells each access how many of the other kind came before it:
///
///   * a read may look at a row when all `after` writes in front of it are complete, or all but
///     the last of them, if that one has already finished `need` rows;
///   * a write may begin when all `reads` and all `writes` in front of it are complete.
///
/// So what a program computes never depends on timing, and every access waits only for earlier
/// ones. Counts are modulo 64; at most 31 accesses of a domain are under way.
#pragma once

#include <ap_int.h>

namespace m3vit {

using AccessCount = ap_uint<6>;
using Domain = ap_uint<4>;

/// Domains 0 ... 5 are buffers in the token memory, then come the banks of the residual stream.
constexpr int kTokenDomains = 6;
constexpr int kResidualDomain = 6;
constexpr int kResidualBanks = 2;
constexpr int kKeyValueDomain = kResidualDomain + kResidualBanks;
constexpr int kDomains = kKeyValueDomain + 1;

/// That of rows of the residual stream.
inline Domain ResidualDomain(const ap_uint<1>& bank) {
    #pragma HLS INLINE
    return Domain(kResidualDomain) + bank;
}

/// When a read may go on.
struct ReadOrder {
    AccessCount after;  ///< writes in front of it
    ap_uint<16> need;   ///< rows that the last of these must have finished
    ap_uint<1> last;    ///< with this command the instruction's read is complete
};

/// When a write may begin, and what it counts for.
struct WriteOrder {
    AccessCount reads;     ///< reads in front of it
    ap_uint<1> first;      ///< command of the instruction: waits for them
    ap_uint<1> completes;  ///< its rows are finished with this command (last chunk of channels)
    ap_uint<1> last;       ///< with this command the instruction's write is complete
    AccessCount writes;    ///< writes in front of it
};

/// Where rows of a buffer lie in the token memory.
struct RowPlace {
    ap_uint<16> base;    ///< word of the first row, in words of kPanelLanes
    ap_uint<12> stride;  ///< words from row to row
};

/// The order in which words come: row_groups.hpp. Counts are at least 1.
struct RowOrder {
    ap_uint<12> groups;
    ap_uint<7> group;
    ap_uint<12> words;  ///< of kLanes channels
};

}  // namespace m3vit
