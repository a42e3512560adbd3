/// \file data_commands.hpp
/// What is read from memory beside weights, and what is written there.
#pragma once

#include "m3vit/engine/accesses.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// What data from memory are; how they lie there is told in docs/isa.md.
enum DataKind {
    kPixelData,   ///< words of kLanes pixels
    kRowData,     ///< words of the residual stream
    kAffineData,  ///< words of LayerNorm parameters
    kTableData,   ///< entries of the activation table
    kGateData,    ///< gate parameters
};

/// Read data: `words` of its kind, which fill `beats` of 16 bytes.
struct DataCommand {
    ap_uint<3> kind;    ///< DataKind
    ap_uint<26> line;   ///< at which they begin
    ap_uint<20> beats;  ///< at least 1
    ap_uint<24> words;  ///< at least 1
};

/// What arrives: some whole lines, and behind their `words` nothing of use.
struct DataContents {
    ap_uint<3> kind;    ///< DataKind
    ap_uint<20> lines;  ///< at least 1
    ap_uint<24> words;  ///< at least 1
};

/// What is written to memory.
enum StoreSource {
    kStoreResidual,  ///< rows of the residual stream
    kStoreResults,   ///< requantised rows, their low 16 bits
    kStoreWide,      ///< rows of a LayerNorm's int16 output
    kStorePicks,     ///< the gate's picks
};

/// Write `words` of a source, which fill `beats` of 16 bytes.
struct StoreCommand {
    ap_uint<2> source;  ///< StoreSource
    ap_uint<26> line;   ///< at which they begin
    ap_uint<24> beats;  ///< at least 1
    ap_uint<24> words;  ///< of kLanes channels, or picks; at least 1
};

}  // namespace m3vit
