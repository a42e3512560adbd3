// LZ4 without compression, for the writer of FST waveforms: its library is not on every machine.
//
// A legal LZ4 block may hold nothing but literals: a token, the length, the bytes themselves.
#pragma once

#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

inline int LZ4_compress_default(const char* source, char* target, int size, int capacity) {
    if (LZ4_compressBound(size) > capacity) return 0;
    unsigned char* out = reinterpret_cast<unsigned char*>(target);
    *out++ = static_cast<unsigned char>(size < 15 ? size << 4 : 15 << 4);
    if (size >= 15) {
        int rest = size - 15;
        for (; rest >= 255; rest -= 255) *out++ = 255;
        *out++ = static_cast<unsigned char>(rest);
    }
    if (size > 0) std::memcpy(out, source, static_cast<std::size_t>(size));
    return static_cast<int>(out - reinterpret_cast<unsigned char*>(target)) + size;
}
