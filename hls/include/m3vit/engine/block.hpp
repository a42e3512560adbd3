/// \file block.hpp
/// What the array works on at a time: up to kArrayTokens rows, and all channels of a chunk.
///
/// An instruction is a sequence of blocks. Every unit on the array's path gets one command per
/// block at most, so the last block of some rows, which may be smaller, is like any other.
#pragma once

#include "m3vit/engine/accesses.hpp"
#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/engine/passage.hpp"

namespace m3vit {

/// What becomes of a block.
enum BlockKind {
    kProduct,   ///< rows of the token memory times weights, requantised
    kLogits,    ///< queries times keys, and their softmax
    kContext,   ///< attention weights times values
    kGateSums,  ///< rows of a gate times its weights, and the choice of experts
    kDrop,      ///< no rows: a chunk of weights that is not needed
    kTable,     ///< no rows: a new activation table
};

/// What the array multiplies. Counts are at least 1.
struct BlockSize {
    ap_uint<7> rows;     ///< that the array sees: two per token of a gate
    ap_uint<12> words;   ///< of kPanelLanes channels, of each row
    ap_uint<8> beats;    ///< of kArrayInputs channels, of each row
    ap_uint<10> groups;  ///< of kLanes results, of each row
};

/// Rows that come from the token memory: kProduct, kLogits.
struct BlockSource {
    Domain domain;
    ReadOrder order;
    RowPlace place;
    ap_uint<1> gathered;
};

/// Tiles that come from the key-value memory: kLogits, kContext.
struct BlockKeyValues {
    AccessCount after;  ///< writes in front of the instruction
    ap_uint<1> last;    ///< with this block its reads are complete
    ap_uint<12> base;
};

/// Where results go: kProduct, kContext.
struct BlockTarget {
    ap_uint<3> way;      ///< ResultWay, of a kProduct
    Domain domain;       ///< of the token memory
    WriteOrder order;    ///< unless they go to memory
    RowPlace place;      ///< residual stream: `base` is a row, `stride` words of kLanes; keys and
                         ///< values: tile of the first head, tiles from head to head
    ap_uint<12> offset;  ///< words of kLanes into each row; keys and values: first token
    ap_uint<1> scatter;  ///< residual stream: rows and scores come as visits
    ap_uint<1> memory;   ///< KeyOrValue
    ap_uint<8> step;     ///< as in KeyValueWriteCommand
    ap_uint<6> head_words;
};

/// Requantisation: what is not in the ring of parameters.
struct BlockScale {
    ap_uint<15> multiplier;  ///< kLogits, kContext
    ap_uint<6> shift;        ///< the same
    ap_int<8> zero_point;    ///< kProduct, kContext
    ap_uint<5> bits;         ///< kProduct: of results
};

/// The choice of experts: kGateSums.
struct BlockGate {
    ap_uint<12> token;  ///< the block's first one
    ap_uint<9> experts;
    ap_uint<8> first;  ///< experts [first, last) take part
    ap_uint<9> last;
    ap_uint<5> kept;
    ap_uint<1> normalise_kept;
    ap_int<17> prune_threshold;
    ap_uint<1> load;    ///< the instruction's first block
    ap_uint<16> picks;  ///< of the instruction
};

struct Block {
    ap_uint<3> kind;  ///< BlockKind
    BlockSize size;
    ap_uint<1> release;  ///< weights of the ring are used for the last time
    BlockSource source;
    BlockKeyValues key_values;
    BlockTarget target;
    BlockScale scale;
    ap_uint<12> keys;  ///< kLogits: of each row
    BlockGate gate;
};

}  // namespace m3vit
