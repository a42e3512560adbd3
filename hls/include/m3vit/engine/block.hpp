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
    kNoBlock,   ///< there is none
};

/// What the array multiplies. Counts are at least 1.
struct BlockSize {
    ap_uint<7> rows = 0;     ///< that the array sees: two per token of a gate
    ap_uint<12> words = 0;   ///< of kPanelLanes channels, of each row
    ap_uint<8> beats = 0;    ///< of kArrayInputs channels, of each row
    ap_uint<10> groups = 0;  ///< of kLanes results, of each row
};

/// Rows that come from the token memory: kProduct, kLogits.
struct BlockSource {
    Domain domain = 0;
    ReadOrder order = {0, 0, 0};
    RowPlace place = {0, 0};
    ap_uint<1> gathered = 0;
};

/// Tiles that come from the key-value memory: kLogits, kContext.
struct BlockKeyValues {
    AccessCount after = 0;  ///< writes in front of the instruction
    ap_uint<1> last = 0;    ///< with this block its reads are complete
    ap_uint<12> base = 0;
};

/// Where results go: kProduct, kContext.
struct BlockTarget {
    ap_uint<3> way = 0;                  ///< ResultWay, of a kProduct
    Domain domain = 0;                   ///< of the token memory or the residual stream
    WriteOrder order = {0, 0, 0, 0, 0};  ///< unless they go to memory
    RowPlace place = {0, 0};  ///< residual stream: `base` is a row, `stride` words of kLanes; keys
                              ///< and values: tile of the first head, tiles from head to head
    ap_uint<12> offset = 0;   ///< words of kLanes into each row; keys and values: first token
    ap_uint<1> scatter = 0;   ///< residual stream: tokens and scores come as visits
    ap_uint<1> memory = 0;    ///< KeyOrValue
    ap_uint<8> step = 0;      ///< as in KeyValueWriteCommand
    ap_uint<6> head_words = 0;
};

/// Requantisation: what is not in the ring of parameters.
struct BlockScale {
    ap_uint<15> multiplier = 0;  ///< kLogits, kContext
    ap_uint<6> shift = 0;        ///< the same
    ap_int<8> zero_point = 0;    ///< kProduct, kContext
    ap_uint<5> bits = 0;         ///< kProduct: of results
};

/// The choice of experts: kGateSums.
struct BlockGate {
    ap_uint<12> token = 0;  ///< the block's first one
    ap_uint<9> experts = 0;
    ap_uint<8> first = 0;  ///< experts [first, last) take part
    ap_uint<9> last = 0;
    ap_uint<5> kept = 0;
    ap_uint<1> normalise_kept = 0;
    ap_int<17> prune_threshold = 0;
    ap_uint<1> load = 0;    ///< the instruction's first block
    ap_uint<16> picks = 0;  ///< of the instruction
};

/// Fields that a kind of block does not need are zeros.
struct Block {
    ap_uint<3> kind = 0;  ///< BlockKind
    BlockSize size;
    ap_uint<1> release = 0;  ///< weights of the ring are used for the last time
    ap_uint<16> skip = 0;    ///< tiles of the ring in front of the block's, that others still use
    BlockSource source;
    BlockKeyValues key_values;
    BlockTarget target;
    BlockScale scale;
    ap_uint<12> keys = 0;  ///< kLogits: of each row
    BlockGate gate;
};

}  // namespace m3vit
