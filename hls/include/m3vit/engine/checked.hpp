/// \file checked.hpp
/// An instruction whose fields have been checked, and what it is going to occupy.
#pragma once

#include "m3vit/engine/data_commands.hpp"
#include "m3vit/engine/instruction.hpp"

namespace m3vit {

/// Queues that an instruction goes to: bits of Uses::queues.
enum QueueBit {
    kLoadQueue,
    kDataQueue,
    kRowQueue,
    kArrayQueue,
    kImageQueue,
    kResidualLoadQueue,
    kStoreQueue,
};
constexpr int kQueues = 7;

constexpr int kNoDomain = kDomains;

/// What an instruction accesses. A domain is read once at most, and written once at most.
struct Uses {
    ap_uint<kQueues> queues;
    ap_uint<kDomains> reads;    ///< a bit per domain
    ap_uint<kDomains> writes;   ///< likewise
    ap_uint<4> read_domain;     ///< kNoDomain: none
    ap_uint<4> written_domain;  ///< likewise
    ap_uint<4> second_domain;   ///< ATTENTION: keys and values; EXPERTS: hidden rows
    ap_uint<1> writes_second;   ///< before it reads it
};

/// How it went; docs/isa.md.
enum ProgramCode {
    kCodeWell = 0,
    kCodeUnknown = 1,
    kCodeField = 2,
    kCodeDesign = 3,
    kCodeOrder = 4,
};

struct Checked {
    ap_uint<64> word[4];  ///< as in Dispatched
    ap_uint<8> code;      ///< ProgramCode
    ap_uint<1> trails;    ///< as in Dispatched
    Uses uses;
    DataCommand data;
    StoreCommand store;
};

}  // namespace m3vit
