/// \file engine_top.cpp
/// A core that only copies memory: for tests of everything around the engine's core.
///
/// BEGIN and END as in the engine; 12 copies `lines` of 64 bytes (bits 30 to 49) from line `source`
/// (4 to 29) to line `target` (128 to 153), bit 50: through the weight ports; 13 does nothing for
/// ever; 14 ends with the code in bits 4 to 11; 15 asks for a store of one beat and sends none; 11
/// reads `lines` as data and eight times as many as weights, both from `source` on, and drops them.
#include "m3vit/config.hpp"
#include "m3vit/engine/instruction.hpp"
#include "m3vit/stream.hpp"
#include "m3vit/types.hpp"

namespace m3vit {

constexpr int kLineBeats = kReadPorts;  // of a line of weights

enum State { kFirst, kSecond, kAsk, kMove, kAcknowledge, kStuck, kDrop };

}  // namespace m3vit

using namespace m3vit;

void engine_top(hls::stream<Row<ap_uint<32>, 4>>& program,
                hls::stream<ReadRequest>& weight_requests,
                hls::stream<Row<ap_uint<8>, 16 * kReadPorts>>& weight_lines,
                hls::stream<ReadRequest>& data_requests,
                hls::stream<Row<ap_uint<8>, 16>>& data_beats,
                hls::stream<WriteRequest>& store_requests,
                hls::stream<Row<ap_uint<8>, 16>>& store_beats,
                hls::stream<ap_uint<1>>& store_responses, hls::stream<ap_uint<1>>& heartbeat,
                hls::stream<Ending>& ending) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    ap_uint<3> state = kFirst;
    ap_uint<4> opcode = 0;
    ap_uint<128> first = 0;
    ap_uint<26> target = 0;
    ap_uint<16> position = 0;
    ap_uint<24> left = 0;
    ap_uint<24> weights_left = 0;
    ap_uint<3> beat = 0;
    Row<ap_uint<8>, 16 * kReadPorts> line;

    M3VIT_FOREVER(program, state != kFirst) {
        #pragma HLS PIPELINE II=1
        const ap_uint<26> source = first.range(29, 4);
        const ap_uint<20> lines = first.range(49, 30);
        const bool weights = first[50];
        if (state == kFirst) {
            const Row<ap_uint<32>, 4> word = program.read();
            first = (word.lane[3], word.lane[2], word.lane[1], word.lane[0]);
            opcode = first.range(3, 0);
            state = kSecond;
        } else if (state == kSecond) {
            target = program.read().lane[0].range(25, 0);
            if (opcode == 2 || opcode == 14) {
                ending.write(
                    {opcode == 2 ? ap_uint<8>(0) : ap_uint<8>(first.range(11, 4)), position});
            }
            const bool asks = opcode == 11 || opcode == 12 || opcode == 15;
            state = asks ? kAsk : opcode == 13 ? kStuck : kFirst;
            left = ap_uint<24>(lines) * 4;
            weights_left = ap_uint<24>(lines) * (8 * 4 / kLineBeats);
            beat = 0;
            position = opcode == 2 ? 0 : int(position) + 1;
        } else if (state == kAsk) {
            if (opcode != 11) {
                store_requests.write({target, opcode == 15 ? ap_uint<24>(1) : left});
            }
            if (opcode == 11 || (opcode == 12 && weights)) {
                weight_requests.write({source, opcode == 11 ? ap_uint<20>(lines * 8) : lines});
            }
            if (opcode == 11 || (opcode == 12 && !weights)) {
                data_requests.write({source, lines});
            }
            state = opcode == 15 ? kStuck : opcode == 11 ? kDrop : kMove;
        } else if (state == kMove) {
            Row<ap_uint<8>, 16> moved;
            if (weights) {
                if (beat == 0) {
                    line = weight_lines.read();
                }
                for (int byte = 0; byte < 16; byte++) {
                    moved.lane[byte] = line.lane[byte];
                }
                for (int byte = 0; byte < 16 * (kLineBeats - 1); byte++) {
                    line.lane[byte] = line.lane[byte + 16];
                }
                beat = beat == kLineBeats - 1 ? ap_uint<3>(0) : ap_uint<3>(beat + 1);
            } else {
                moved = data_beats.read();
            }
            store_beats.write(moved);
            if (left == 1) {
                state = kAcknowledge;
            }
            left--;
        } else if (state == kDrop) {
            if (left != 0 && !data_beats.empty()) {
                data_beats.read();
                left--;
            }
            if (weights_left != 0 && !weight_lines.empty()) {
                weight_lines.read();
                weights_left--;
            }
            if (left == 0 && weights_left == 0) {
                state = kFirst;
            }
        } else if (state == kAcknowledge) {
            store_responses.read();
            heartbeat.write(1);
            state = kFirst;
        }
    }
}
