/// \file memory_commands.hpp
/// Commands of the engine's memories: rows of int8 codes, the residual stream, keys and values, and
/// the rings of weights and parameters.
#pragma once

#include "m3vit/engine/accesses.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// Send rows of the token memory to the array.
struct TokenReadCommand {
    Domain domain;
    ReadOrder order;
    RowPlace place;       ///< of the first row; of row 0 if gathered
    ap_uint<12> rows;     ///< at least 1
    ap_uint<12> words;    ///< of kPanelLanes channels, of each row; at least 1
    ap_uint<1> gathered;  ///< rows by index, which come on a stream of their own
};

/// Take rows into the token memory.
struct TokenWriteCommand {
    Domain domain;
    WriteOrder order;
    RowPlace place;      ///< of the first row
    ap_uint<12> offset;  ///< into each row, in words of kLanes
    RowOrder rows;       ///< finished after each group, if the command completes them
};

/// Send residual rows, saturated to 16 bits, one after another.
struct ResidualReadCommand {
    ap_uint<1> bank;
    ReadOrder order;    ///< `need` is for the first row; each further row needs one more
    ap_uint<12> first;  ///< row; lies at word first x words
    ap_uint<12> rows;   ///< at least 1
    ap_uint<12> words;  ///< of kLanes channels, of each row; at least 1
};

/// Change residual rows.
struct ResidualWriteCommand {
    enum Action { kLoad, kAdd, kScatter };

    ap_uint<2> action;  ///< kLoad: take rows; kAdd: saturated sum; kScatter: score times output
    ap_uint<1> bank;
    WriteOrder order;
    ap_uint<13> first;   ///< row; kScatter: of token 0, tokens come as visits
    ap_uint<12> stride;  ///< words of a row
    ap_uint<12> offset;  ///< first word
    RowOrder rows;       ///< kLoad: groups of one row
};

/// Which half of the key-value memory.
enum KeyOrValue { kKeys, kValues };

/// Take rows of keys or values of all heads.
struct KeyValueWriteCommand {
    ap_uint<1> memory;  ///< KeyOrValue
    WriteOrder order;
    ap_uint<12> base;        ///< tile of the first head
    ap_uint<12> head_tiles;  ///< tiles from head to head
    ap_uint<8> step;  ///< keys: tiles from kArrayOutputs keys to the next; values: from kLanes
                      ///< channels to the next
    ap_uint<6> head_words;  ///< words of kLanes channels of a head
    ap_uint<12> token;      ///< first row
    RowOrder rows;          ///< one group
};

/// Send neighbouring tiles to the array.
struct KeyValueReadCommand {
    ap_uint<1> memory;  ///< KeyOrValue
    ReadOrder order;    ///< all writes in front must be complete; `need` has no meaning
    ap_uint<12> base;
    ap_uint<12> tiles;  ///< at least 1
};

/// Send the words at the front of a ring, oldest first, or only drop them.
struct ReplayCommand {
    ap_uint<16> words;   ///< at least 1
    ap_uint<1> send;     ///< 0: they are not needed; `release` has to be 1
    ap_uint<1> release;  ///< they are used for the last time: their places are free
    ap_uint<16> skip;    ///< words in front of them, that have been sent and stay; then `send` = 1
                         ///< and `release` = 0
};

/// Requantisation of kLanes neighbouring channels, as it lies in memory: see docs/isa.md.
constexpr int kParameterBytes = 8;  ///< of a channel

}  // namespace m3vit
