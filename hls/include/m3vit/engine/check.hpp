/// \file check.hpp
/// From an instruction's fields to its claims and uses, one function per instruction.
///
/// A function answers for what only this instruction has (`sound`); claims.hpp for all the rest.
#pragma once

#include "m3vit/engine/checked.hpp"
#include "m3vit/engine/claims.hpp"

namespace m3vit {

/// All that one instruction may lay claim to.
struct Claims {
    bool sound = true;
    TokenClaim source;  ///< rows that are read
    TokenClaim target;  ///< rows that are written
    ResidualClaim residual;
    MatrixClaim matrix;
    MatrixClaim second_matrix;
    KeyValueClaim key_values;
    MemoryClaim data;
    ap_uint<3> data_kind = 0;
    MemoryClaim store;
    ap_uint<2> store_source = 0;
    Uses uses = {0, 0, 0, kNoDomain, kNoDomain, kNoDomain, 0};

    void Queue(QueueBit queue) {
        #pragma HLS INLINE
        uses.queues[queue] = 1;
    }
    void Reads(const ap_uint<4>& domain) {
        #pragma HLS INLINE
        uses.read_domain = domain;
        uses.reads[Domain(domain)] = 1;
    }
    void Writes(const ap_uint<4>& domain) {
        #pragma HLS INLINE
        uses.written_domain = domain;
        uses.writes[Domain(domain)] = 1;
    }
    void ReadsSecond(const ap_uint<4>& domain) {
        #pragma HLS INLINE
        uses.second_domain = domain;
        uses.reads[Domain(domain)] = 1;
    }
    /// Data that the instruction needs.
    void Loads(DataKind kind, const MemoryClaim& claim) {
        #pragma HLS INLINE
        Queue(kDataQueue);
        data_kind = kind;
        data = claim;
    }
    void Stores(StoreSource source, const MemoryClaim& claim) {
        #pragma HLS INLINE
        Queue(kStoreQueue);
        store_source = source;
        store = claim;
    }
};

inline bool Fits(const Claims& claims) {
    #pragma HLS INLINE
    return claims.sound && Fits(claims.source) && Fits(claims.target) && Fits(claims.residual) &&
           Fits(claims.matrix) && Fits(claims.second_matrix) && Fits(claims.key_values) &&
           Fits(claims.data) && Fits(claims.store);
}

// Bytes of a word in memory, as powers of two.
constexpr int kPixelBytesLog = BitLength(kLanes) - 1;
constexpr int kResidualBytesLog = kPixelBytesLog + 1;
constexpr int kAffineBytesLog = kPixelBytesLog + 3;
constexpr int kTableBytesLog = 0;
constexpr int kGateBytesLog = 3;  ///< of a gate parameter, and of a pick
constexpr int kTableEntries = 256;

/// Shifts of requantisation behind the array.
inline bool IsShift(const ap_uint<6>& shift) {
    #pragma HLS INLINE
    constexpr int kLeast = 11;
    return shift >= kLeast && shift < kLeast + 32;
}

/// Pixels of a channel in different banks: kLanes / gcd(channels, kLanes).
inline ap_uint<9> ImageColumns(const ap_uint<3>& channels) {
    #pragma HLS INLINE
    constexpr int kHalf = kLanes >= 2 ? kLanes / 2 : 1;
    constexpr int kQuarter = kLanes >= 4 ? kLanes / 4 : 1;
    return channels == 4 ? kQuarter : channels == 2 ? kHalf : kLanes;
}

inline Claims ClaimsOf(const ImageInstruction& image) {
    #pragma HLS INLINE
    Claims claims;
    const ap_uint<9> banks = ImageColumns(image.channels);
    const ap_uint<9> columns = image.patch_size < banks ? ap_uint<9>(image.patch_size) : banks;
    const ap_uint<24> rows = image.strips * image.patches;
    const ap_uint<14> pixels = image.patch_size * image.patch_size;
    const ap_uint<18> values = pixels * image.channels;
    const ap_uint<11> column_bytes = image.columns * image.channels;
    const ap_uint<10> patch_bytes = image.patch_size * image.channels;
    const ap_uint<27> strip_bytes = image.patch_size * image.row_bytes;
    const ap_uint<22> least_row_bytes = image.patches * image.patch_bytes;
    const ap_uint<32> bytes = image.strips * image.strip_bytes;
    claims.sound = image.channels != 0 && image.channels <= kMaxChannels && image.patch_size != 0 &&
                   image.patch_size <= kMaxPatchSize && image.strips != 0 && image.patches != 0 &&
                   image.rows == rows && image.columns == columns &&
                   image.column_bytes == column_bytes && image.patch_bytes == patch_bytes &&
                   image.row_bytes >= least_row_bytes && image.strip_bytes == strip_bytes &&
                   strip_bytes <= kMaxStripBytes && image.words == Units<kLanes>(values);
    claims.target = {true,         image.domain, image.base,
                     image.stride, image.rows,   ap_uint<18>(PanelWords(image.words))};
    claims.Loads(kPixelData, {true, image.address, image.beats, ap_uint<30>(Units<kLanes>(bytes)),
                              kPixelBytesLog});
    claims.Queue(kImageQueue);
    claims.Writes(ap_uint<4>(image.domain));
    return claims;
}

/// Rows of the residual stream that lie one after another, as LOAD, STORE and NORM name them.
template <typename Instruction>
ResidualClaim ResidualRows(const Instruction& rows) {
    #pragma HLS INLINE
    return {true, rows.first, rows.rows, rows.words, ap_uint<18>(rows.words)};
}

inline Claims ClaimsOf(const LoadInstruction& load) {
    #pragma HLS INLINE
    Claims claims;
    claims.residual = ResidualRows(load);
    claims.Loads(kRowData, {true, load.address, load.beats, ap_uint<30>(load.rows * load.words),
                            kResidualBytesLog});
    claims.Queue(kResidualLoadQueue);
    claims.Writes(ResidualDomain(load.bank));
    return claims;
}

inline Claims ClaimsOf(const StoreInstruction& store) {
    #pragma HLS INLINE
    Claims claims;
    claims.residual = ResidualRows(store);
    claims.Stores(kStoreResidual, {true, store.address, store.beats,
                                   ap_uint<30>(store.rows * store.words), kResidualBytesLog});
    claims.Queue(kRowQueue);
    claims.Reads(ResidualDomain(store.bank));
    return claims;
}

inline Claims ClaimsOf(const NormInstruction& norm) {
    #pragma HLS INLINE
    constexpr int kMaxWords = (kMaxWidth + kLanes - 1) / kLanes;
    constexpr int kMaxShift = 30;
    Claims claims;
    const bool wide = norm.wide != kNormWideNone;
    const bool shifts = (!norm.codes || (norm.code_shift != 0 && norm.code_shift <= kMaxShift)) &&
                        (!wide || (norm.wide_shift != 0 && norm.wide_shift <= kMaxShift));
    const bool normalises = (norm.codes || wide) && norm.wide <= kNormWideMemory && shifts &&
                            norm.epsilon != 0 && norm.width <= kMaxWidth &&
                            norm.words == Units<kLanes>(norm.width);
    const bool passes = !norm.codes && norm.wide == kNormWideGate;
    claims.sound = norm.words <= kMaxWords && (norm.raw ? passes : normalises);
    claims.residual = ResidualRows(norm);
    claims.Queue(kRowQueue);
    claims.Reads(ResidualDomain(norm.bank));
    if (norm.codes) {
        claims.target = {true,        norm.domain, norm.base,
                         norm.stride, norm.rows,   ap_uint<18>(PanelWords(norm.words))};
        claims.Writes(ap_uint<4>(norm.domain));
    }
    if (!norm.raw) {
        const ap_uint<13> words =
            norm.codes && wide ? ap_uint<13>(norm.words * 2) : ap_uint<13>(norm.words);
        claims.Loads(kAffineData, {true, norm.parameters, ap_uint<20>(norm.parameter_beats),
                                   ap_uint<30>(words), kAffineBytesLog});
    }
    if (norm.wide == kNormWideMemory) {
        claims.Stores(kStoreWide, {true, norm.store, norm.store_beats,
                                   ap_uint<30>(norm.rows * norm.words), kResidualBytesLog});
    }
    return claims;
}

inline Claims ClaimsOf(const TableInstruction& table) {
    #pragma HLS INLINE
    Claims claims;
    claims.Loads(kTableData,
                 {true, table.address, kTableEntries / kBeatBytes, kTableEntries, kTableBytesLog});
    claims.Queue(kArrayQueue);
    return claims;
}

inline Claims ClaimsOf(const MatmulInstruction& matmul) {
    #pragma HLS INLINE
    constexpr int kMaxRowWords = 4095;  // an offset into a row has 12 bits
    Claims claims;
    const ap_uint<18> words = matmul.groups * matmul.chunks;
    const bool to_tokens = matmul.destination == kDestinationTokens;
    const bool to_residual = matmul.destination == kDestinationResidual;
    const bool to_keys = matmul.destination == kDestinationKeys;
    const bool to_values = matmul.destination == kDestinationValues;
    const bool to_memory = matmul.destination == kDestinationMemory;
    const bool codes = matmul.bits == 8;
    claims.sound = matmul.destination <= kDestinationMemory && matmul.chunks != 0 &&
                   words <= kMaxRowWords && matmul.groups <= kParameterWords &&
                   (codes || matmul.bits == 16 || (matmul.bits == 18 && to_residual)) &&
                   (codes || to_residual || to_memory) && (!matmul.activate || to_tokens) &&
                   (!to_tokens || matmul.to_domain != matmul.domain) &&
                   ((!to_keys && !to_values) || matmul.chunks == 1);
    claims.source = {true,          matmul.domain, matmul.base,
                     matmul.stride, matmul.rows,   ap_uint<18>(matmul.words)};
    claims.matrix = {true, matmul.beats, BeatsOf(matmul.words), matmul.groups, 0, kWeightTiles};
    claims.Queue(kLoadQueue);
    claims.Queue(kArrayQueue);
    claims.Reads(ap_uint<4>(matmul.domain));
    if (to_tokens) {
        claims.target = {true,        matmul.to_domain, matmul.to_base, matmul.to_stride,
                         matmul.rows, PanelWords(words)};
        claims.Writes(ap_uint<4>(matmul.to_domain));
    } else if (to_residual) {
        claims.residual = {true, matmul.first, matmul.rows, matmul.to_stride, words};
        claims.Writes(ResidualDomain(matmul.bank));
    } else if (to_memory) {
        claims.Stores(kStoreResults, {true, matmul.store, matmul.store_beats,
                                      ap_uint<30>(matmul.rows * words), kResidualBytesLog});
    } else {
        claims.key_values = {true,        to_values,         matmul.to_base, matmul.to_stride,
                             matmul.step, matmul.head_words, matmul.groups,  matmul.first,
                             matmul.rows};
        claims.Writes(kKeyValueDomain);
    }
    return claims;
}

inline Claims ClaimsOf(const AttentionInstruction& attention) {
    #pragma HLS INLINE
    Claims claims;
    const ap_uint<13> words = attention.to_offset + attention.value_groups;
    claims.sound = attention.keys != 0 && attention.keys <= kMaxTokens &&
                   attention.key_groups == Units<kLanes>(attention.keys) &&
                   IsShift(attention.logit_shift) && IsShift(attention.shift) &&
                   attention.to_domain != attention.domain;
    claims.source = {true,           attention.domain,
                     attention.base, attention.stride,
                     attention.rows, ap_uint<18>(attention.words)};
    claims.target = {
        true,           attention.to_domain,           attention.to_base, attention.to_stride,
        attention.rows, ap_uint<18>(PanelWords(words))};
    claims.matrix = {true,
                     attention.beats,
                     BeatsOf(attention.words),
                     ap_uint<10>(attention.key_groups),
                     attention.key_base,
                     kKeyValueTiles};
    claims.second_matrix = {true,
                            attention.value_beats,
                            BeatsOf(Units<kPanelLanes>(attention.keys)),
                            ap_uint<10>(attention.value_groups),
                            attention.value_base,
                            kKeyValueTiles};
    claims.Queue(kArrayQueue);
    claims.Reads(ap_uint<4>(attention.domain));
    claims.ReadsSecond(kKeyValueDomain);
    claims.Writes(ap_uint<4>(attention.to_domain));
    return claims;
}

inline Claims ClaimsOf(const GateInstruction& gate) {
    #pragma HLS INLINE
    Claims claims;
    const ap_uint<9> range = gate.last - gate.first;
    const ap_uint<17> picks = gate.rows * gate.kept;
    claims.sound = gate.rows != 0 && gate.rows <= kMaxTokens && gate.experts <= kMaxExperts &&
                   gate.groups == Units<kLanes>(gate.experts) && gate.first < gate.last &&
                   gate.last <= gate.experts && gate.kept != 0 &&
                   gate.kept <= kMaxExpertsPerToken && gate.kept <= range &&
                   gate.pick_count == picks;
    claims.matrix = {true, gate.beats, BeatsOf(gate.words), gate.groups, 0, kWeightTiles};
    claims.Loads(kGateData, {true, gate.parameters, ap_uint<20>(Units<2>(gate.experts)),
                             ap_uint<30>(gate.experts), kGateBytesLog});
    claims.Stores(kStorePicks, {true, gate.picks, ap_uint<20>(Units<2>(gate.pick_count)),
                                ap_uint<30>(gate.pick_count), kGateBytesLog});
    claims.Queue(kLoadQueue);
    claims.Queue(kArrayQueue);
    return claims;
}

inline Claims ClaimsOf(const ExpertsInstruction& experts) {
    #pragma HLS INLINE
    Claims claims;
    claims.sound = experts.up_groups <= kParameterWords && experts.down_groups <= kParameterWords &&
                   experts.hidden_domain != experts.domain &&
                   experts.down_words == PanelWords(experts.up_groups);
    claims.source = {true,           experts.domain, experts.base,
                     experts.stride, experts.rows,   ap_uint<18>(experts.up_words)};
    // A queue is as long as there are tokens, at most.
    claims.target = {
        true,         experts.hidden_domain,          experts.hidden_base, experts.hidden_stride,
        experts.rows, ap_uint<18>(experts.down_words)};
    claims.residual = {true, experts.to_first, experts.rows, experts.residual_words,
                       ap_uint<18>(experts.down_groups)};
    claims.matrix = {true, experts.up_beats, BeatsOf(experts.up_words), experts.up_groups,
                     0,    kWeightTiles};
    claims.second_matrix = {
        true, experts.down_beats, BeatsOf(experts.down_words), experts.down_groups,
        0,    kWeightTiles};
    claims.Queue(kLoadQueue);
    claims.Queue(kArrayQueue);
    claims.Reads(ap_uint<4>(experts.domain));
    claims.ReadsSecond(ap_uint<4>(experts.hidden_domain));
    claims.uses.writes[experts.hidden_domain] = 1;
    claims.uses.writes_second = 1;
    claims.Writes(ResidualDomain(experts.bank));
    return claims;
}

/// Of an instruction that has any; `known`: there is such an instruction.
inline Claims ClaimsOf(const InstructionBits& bits, bool& known) {
    #pragma HLS INLINE
    known = true;
    switch (int(OpcodeOf(bits))) {
        case kOpcodeBegin:
        case kOpcodeEnd:
            return Claims();
        case kOpcodeImage:
            return ClaimsOf(AsImage(bits));
        case kOpcodeLoad:
            return ClaimsOf(AsLoad(bits));
        case kOpcodeStore:
            return ClaimsOf(AsStore(bits));
        case kOpcodeNorm:
            return ClaimsOf(AsNorm(bits));
        case kOpcodeTable:
            return ClaimsOf(AsTable(bits));
        case kOpcodeMatmul:
            return ClaimsOf(AsMatmul(bits));
        case kOpcodeAttention:
            return ClaimsOf(AsAttention(bits));
        case kOpcodeGate:
            return ClaimsOf(AsGate(bits));
        case kOpcodeExperts:
            return ClaimsOf(AsExperts(bits));
        default:
            known = false;
            return Claims();
    }
}

}  // namespace m3vit
