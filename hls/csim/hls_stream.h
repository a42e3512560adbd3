/// \file hls_stream.h
/// hls::stream for C simulation.
///
/// By default a simulation is sequential: processes run one after another, streams hold any number
/// of items, and reading an empty one is an error. With M3VIT_THREADS every process is a thread
/// and streams are bounded, so that deadlocks show: see network.hpp.
#pragma once

#ifdef M3VIT_THREADS
#include "network.hpp"
#else
#include "sequential_queue.hpp"
#endif

namespace hls {

/// A first-in first-out channel from one process to another.
///
/// \tparam T       what it carries
/// \tparam kDepth  items it holds in a threaded simulation, 0 for the simulation's default
template <typename T, int kDepth = 0>
class stream;

template <typename T>
class stream<T, 0> {
  public:
    stream() : stream("unnamed stream") {}
    explicit stream(const char* name) : queue_(name, 0) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    T read() {
        T item;
        read(item);
        return item;
    }
    void read(T& item) { queue_.Pop(item); }
    bool read_nb(T& item) {
        if (empty()) return false;
        read(item);
        return true;
    }
    void operator>>(T& item) { read(item); }

    void write(const T& item) { queue_.Push(item); }
    bool write_nb(const T& item) {
        if (full()) return false;
        write(item);
        return true;
    }
    void operator<<(const T& item) { write(item); }

    bool empty() const { return queue_.Empty(); }
    bool full() const { return queue_.Full(); }
    size_t size() const { return queue_.Size(); }

    /// The simulation's own side of the stream; no member of Vitis's class.
    auto& queue() { return queue_; }

  protected:
    stream(const char* name, size_t depth) : queue_(name, depth) {}

  private:
    m3vit::csim::Queue<T> queue_;
};

template <typename T, int kDepth>
class stream : public stream<T, 0> {
  public:
    stream() : stream("unnamed stream") {}
    explicit stream(const char* name) : stream<T, 0>(name, kDepth) {}
};

}  // namespace hls
