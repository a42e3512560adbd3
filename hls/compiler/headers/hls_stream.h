/// \file hls_stream.h
/// hls::stream for synthesis: every access is a volatile access of a port object.
///
/// LLVM neither drops, doubles nor reorders volatile accesses, and they work for any width. The
/// front end knows the layout: byte 0 says "not empty", byte 1 "not full", the item follows at
/// byte 64 (ir.StreamPort).
#pragma once

#include <ap_int.h>

namespace hls {

/// \tparam T       payload: a number, or a struct of numbers and arrays
/// \tparam kDepth  depth of the FIFO where the stream joins two processes, 0 for the default
template <typename T, int kDepth = 0>
class stream;

template <typename T>
class stream<T, 0> {
  public:
    INLINE stream() {}
    INLINE explicit stream(const char*) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    INLINE T read() {
        T value;
        Take(value);
        return value;
    }
    INLINE void read(T& value) { Take(value); }
    INLINE void operator>>(T& value) { Take(value); }
    INLINE void write(const T& value) { Give(value); }
    INLINE void operator<<(const T& value) { Give(value); }

    INLINE bool empty() { return !(status_[0] & 1); }
    INLINE bool full() { return !(status_[1] & 1); }

    INLINE bool read_nb(T& value) {
        if (empty()) return false;
        Take(value);
        return true;
    }
    INLINE bool write_nb(const T& value) {
        if (full()) return false;
        Give(value);
        return true;
    }

  private:
    using Bits = unsigned _BitInt(8 * sizeof(T));

    INLINE void Take(T& value) {
        Bits bits = item_;
        __builtin_memcpy(static_cast<void*>(&value), &bits, sizeof(T));
    }
    INLINE void Give(const T& value) {
        Bits bits;
        __builtin_memcpy(&bits, static_cast<const void*>(&value), sizeof(T));
        item_ = bits;
    }

    volatile unsigned char status_[64];
    volatile Bits item_;
};

template <typename T, int kDepth>
class stream : public stream<T, 0> {
  public:
    INLINE stream() {}
    INLINE explicit stream(const char*) {}
};

}  // namespace hls
