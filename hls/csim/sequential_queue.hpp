/// \file sequential_queue.hpp
/// The unbounded queue inside a stream of a sequential simulation.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace m3vit::csim {

/// Items in the order in which they were pushed; popping from an empty queue throws.
template <typename T>
class Queue {
  public:
    Queue(const char* name, size_t) : name_(name) {}

    void Push(const T& item) { items_.push_back(item); }
    void Pop(T& item) {
        if (Empty()) {
            throw std::runtime_error("a process reads from the empty stream '" + name_ + "'");
        }
        item = items_[next_++];
        if (next_ == items_.size()) {
            items_.clear();
            next_ = 0;
        }
    }
    bool Empty() const { return next_ == items_.size(); }
    bool Full() const { return false; }
    size_t Size() const { return items_.size() - next_; }

    /// Put `count` items behind those that wait.
    void Fill(const T* items, size_t count) { items_.insert(items_.end(), items, items + count); }

    /// Move the bytes of all items to the end of `bytes`.
    void Drain(std::string& bytes) {
        bytes.append(reinterpret_cast<const char*>(items_.data() + next_), Size() * sizeof(T));
        items_.clear();
        next_ = 0;
    }

  private:
    std::string name_;
    std::vector<T> items_;
    size_t next_ = 0;  // position in `items_` of the item that is popped next
};

}  // namespace m3vit::csim
