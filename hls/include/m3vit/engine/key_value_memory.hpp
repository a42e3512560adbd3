/// \file key_value_memory.hpp
/// Keys and values of all heads on chip, in the tiles that meet queries and attention weights.
///
///     codes  words of kLanes channels  ->  tiles  kLanes x kInputs
///
/// Keys are weights of q * k^T as they are: a tile has kLanes keys and kInputs of their channels.
/// Values meet attention weights transposed: a tile has kLanes channels of kInputs tokens. Either
/// way a word that comes is a row or a column of a tile; memories for kInputs words side by side
/// take it whole. A word comes and a tile leaves per cycle (II=1), which wait for one another only
/// as accesses.hpp says; between reads no cycle is lost if they have two tiles at least. What was
/// not written is anything: keys give logits, and values meet weights, that nobody looks at or that
/// are zero.
///
/// One process says where words go, another has the memory; see token_memory.hpp. No arithmetic.
#pragma once

#include <hls_stream.h>

#include "m3vit/commands.hpp"
#include "m3vit/engine/memory_commands.hpp"
#include "m3vit/engine/scoreboard.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

/// A word on its way into the memory.
template <int kLanes>
struct KeyValueWord {
    WordOrder order;
    ap_uint<1> memory;  ///< KeyOrValue
    ap_uint<12> tile;
    ap_uint<8> bank;  ///< keys: row of the tile, and part of it; values: column
    Row<Code, kLanes> codes;
};

/// Where words go.
template <int kLanes, int kInputs>
void KeyValueWriter(hls::stream<KeyValueWriteCommand>& commands,
                    hls::stream<Row<Code, kLanes>>& codes,
                    hls::stream<KeyValueWord<kLanes>>& words) {
    constexpr int kParts = kInputs / kLanes;
    NextCommand<KeyValueWriteCommand> next;
    KeyValueWriteCommand command = {};
    RowGroups walk;
    bool starts = false;        // the present word is the first of its command
    ap_uint<12> token = 0;      // of the row
    ap_uint<12> head_base = 0;  // tile
    Countdown<6> head;          // words of the head
    ap_uint<6> word = 0;        // of the head

word:
    M3VIT_FOREVER(commands, walk.running || next.ready) {
        #pragma HLS PIPELINE II=1
        const bool ends = walk.rows.last && walk.words.last && walk.groups.last;
        const bool take = (!walk.running || ends) && next.ready;
        if (walk.running) {
            const bool values = command.memory == kValues;
            const ap_uint<12> across = values ? ap_uint<12>(word) : ap_uint<12>(token / kLanes);
            const ap_uint<12> along =
                values ? ap_uint<12>(token / kInputs) : ap_uint<12>(word / kParts);
            KeyValueWord<kLanes> result;
            result.order = OrderOfWord(command.order, walk, starts);
            result.memory = command.memory;
            result.tile = head_base + across * command.step + along;
            result.bank = values ? ap_uint<8>(token % kInputs)
                                 : ap_uint<8>(token % kLanes * kParts + word % kParts);
            result.codes = codes.read();
            words.write(result);
            starts = false;
            if (!walk.rows.last) {
                ++token;
            } else {
                token = command.token;
                if (head.last) {
                    head_base += command.head_tiles;
                    head.Start(command.head_words);
                    word = 0;
                } else {
                    head.Step();
                    ++word;
                }
            }
            walk.Step();
        }
        if (take) {
            command = next.command;
            walk.Start(command.rows.groups, command.rows.words, command.rows.group);
            starts = true;
            token = command.token;
            head_base = command.base;
            head.Start(command.head_words);
            word = 0;
        }
        next.Fetch(commands, take);
    }
}

/// \tparam kTiles  of keys, and as many of values
template <int kLanes, int kInputs, int kTiles>
void KeyValueBuffer(hls::stream<KeyValueReadCommand>& reads,
                    hls::stream<KeyValueWord<kLanes>>& words,
                    hls::stream<Tile<Code, kLanes, kInputs>>& tiles,
                    hls::stream<ap_uint<1>>& reads_retired,
                    hls::stream<ap_uint<1>>& writes_retired) {
    constexpr int kParts = kInputs / kLanes;
    using Address = ap_uint<BitLength(2 * kTiles - 1)>;

    Row<Code, kLanes> buffer[2 * kTiles][kInputs];
    #pragma HLS AGGREGATE variable=buffer
    #pragma HLS ARRAY_PARTITION variable=buffer type=complete dim=2
    #pragma HLS BIND_STORAGE variable=buffer type=ram_s2p impl=bram
    DomainAccesses accesses;
    Waiting<KeyValueWord<kLanes>> waiting;
    Waiting<KeyValueReadCommand> following;
    KeyValueReadCommand command = {};
    bool running = false;
    Countdown<12> left;
    Address address = 0;

tile:
    M3VIT_FOREVER(reads, running || following.ready || waiting.ready || m3vit::more(reads, words)) {
        #pragma HLS PIPELINE II=1
        const bool send = running && !tiles.full();
        const bool send_ends = send && left.last;
        const bool take = (send_ends || !running) && following.open;
        if (send) {
            Row<Code, kLanes> found[kInputs];
            #pragma HLS ARRAY_PARTITION variable=found complete

        bank:
            for (int bank = 0; bank < kInputs; ++bank) {
                found[bank] = buffer[address][bank];
            }
            const bool values = command.memory == kValues;
            Tile<Code, kLanes, kInputs> tile;

        output:
            for (int output = 0; output < kLanes; ++output) {
            input:
                for (int input = 0; input < kInputs; ++input) {
                    const Code key = found[output * kParts + input / kLanes].lane[input % kLanes];
                    const Code value = found[input].lane[output];
                    tile.at[output][input] = values ? value : key;
                }
            }
            tiles.write(tile);
            ++address;
            left.Step();
            if (send_ends) running = false;
        }

        const KeyValueWord<kLanes> word = waiting.item;
        const bool write = waiting.open;
        const Address place = word.memory * kTiles + word.tile;
        if (write) buffer[place][word.bank] = word.codes;

        const bool read_done = send_ends && command.order.last;
        const bool write_done = write && word.order.last;
        if (read_done) reads_retired.write(1);
        if (write_done) writes_retired.write(1);

        const KeyValueReadCommand coming = following.item;
        const bool may_write = accesses.MayWrite(word.order);
        const bool may_read = accesses.Settled(coming.order);
        accesses.Count(read_done, 0, write_done);
        waiting.Step(words, write, may_write);
        if (take) {
            command = coming;
            running = true;
            left.Start(coming.tiles);
            address = coming.memory * kTiles + coming.base;
        }
        following.Step(reads, take, may_read);
    }
}

/// \tparam kTiles  of keys, and as many of values
template <int kLanes, int kInputs, int kTiles>
void KeyValueMemory(hls::stream<KeyValueWriteCommand>& writes,
                    hls::stream<Row<Code, kLanes>>& codes, hls::stream<KeyValueReadCommand>& reads,
                    hls::stream<Tile<Code, kLanes, kInputs>>& tiles,
                    hls::stream<ap_uint<1>>& reads_retired,
                    hls::stream<ap_uint<1>>& writes_retired) {
    #pragma HLS DATAFLOW
    static_assert(kInputs % kLanes == 0, "a row of a tile has whole words");
    static_assert(kTiles <= 4096 && kInputs <= 256, "places have 12 and 8 bits");
    hls::stream<KeyValueWord<kLanes>, 2> words("words");

    M3VIT_PROCESS(KeyValueWriter<kLanes, kInputs>(writes, codes, words));
    M3VIT_PROCESS(KeyValueBuffer<kLanes, kInputs, kTiles>(reads, words, tiles, reads_retired,
                                                          writes_retired));
}

}  // namespace m3vit
