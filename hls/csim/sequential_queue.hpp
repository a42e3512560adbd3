/// \file sequential_queue.hpp
/// The unbounded queue inside a stream of a sequential simulation.
#pragma once

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace m3vit::csim {

/// Items in the order in which they were pushed; popping from an empty queue throws.
///
/// They are kept as bytes, which they also are for Python, because ap_types copies every number
/// with care, and a beat of the matmul array has hundreds of them.
template <typename T>
class Queue {
  public:
    Queue(const char* name, size_t) : name_(name) {}

    void Push(const T& item) { Fill(&item, 1); }
    void Pop(T& item) {
        if (Empty()) {
            throw std::runtime_error("a process reads from the empty stream '" + name_ + "'");
        }
        std::memcpy(static_cast<void*>(&item), bytes_.data() + next_, sizeof(T));
        next_ += sizeof(T);
        if (Empty()) {
            bytes_.clear();
            next_ = 0;
        }
    }
    bool Empty() const { return next_ == bytes_.size(); }
    bool Full() const { return false; }
    size_t Size() const { return (bytes_.size() - next_) / sizeof(T); }

    /// Put `count` items behind those that wait.
    void Fill(const void* items, size_t count) {
        bytes_.append(static_cast<const char*>(items), count * sizeof(T));
    }

    /// The bytes of all items; none is left.
    std::string Drain() {
        bytes_.erase(0, std::exchange(next_, 0));
        return std::exchange(bytes_, {});
    }

  private:
    std::string name_;
    std::string bytes_;
    size_t next_ = 0;  // where in `bytes_` the item starts that is popped next
};

}  // namespace m3vit::csim
