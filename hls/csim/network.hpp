/// \file network.hpp
/// Threaded simulation: one thread per process, bounded streams, deadlocks found and named.
///
/// All streams of a network share one lock, which makes the state of the whole network visible
/// to whoever waits. When every process waits and no wait can end, the network has come to rest.
/// If all of them wait for further commands (M3VIT_FOREVER), that is the end of the simulation;
/// otherwise it is a deadlock, and the error lists who waits for what. Processes that poll
/// (`empty()`, `full()`) never come to rest; for them there is a time-out.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace m3vit::csim {

/// What waiting processes need to know about a queue; guarded by the network's lock.
struct Level {
    std::string name;
    size_t items;
    size_t places;
};

/// The processes of one simulation.
class Network {
  public:
    /// \param depth    places of a stream that names no depth of its own
    /// \param timeout  how long nothing may move while processes poll
    Network(size_t depth, std::chrono::milliseconds timeout) : depth_(depth), timeout_(timeout) {}

    /// The network that the calling thread belongs to.
    static Network& Current() {
        if (Slot() == nullptr) throw std::logic_error("a stream outside a threaded simulation");
        return *Slot();
    }

    /// Run `body` and everything it starts to the end; throws the first error of any process.
    void Run(const std::function<void()>& body) {
        Slot() = this;
        running_ = 1;
        Guarded(body);
        Join();
        Slot() = nullptr;
        if (!error_.empty()) throw std::runtime_error(error_);
    }

    /// Start a process. The calling thread joins it before any of its own streams goes away.
    void Start(std::function<void()> body) {
        {
            std::lock_guard<std::mutex> guard(lock_);
            ++running_;
        }
        Children().emplace_back([this, body = std::move(body)] {
            Slot() = this;
            Guarded(body);
            Join();
            Leave();
        });
    }

    /// Wait until every process that the calling thread started has ended.
    void Join() {
        if (Children().empty()) return;
        Leave();  // a thread that only waits for others does not keep the network from resting
        for (std::thread& child : Children()) child.join();
        Children().clear();
        std::lock_guard<std::mutex> guard(lock_);
        ++running_;
    }

    /// Wait for an item in any of the queues (true) or for the end of the simulation (false).
    bool WaitForWork(std::initializer_list<const Level*> levels) {
        std::unique_lock<std::mutex> guard(lock_);
        Waiter waiter{kWork, levels};
        return Wait(waiter, guard);
    }

    size_t Depth() const { return depth_; }

  private:
    template <typename T>
    friend class Queue;

    enum Need { kItem, kPlace, kWork };

    /// A process that cannot go on.
    struct Waiter {
        Need need;
        std::vector<const Level*> levels;
        std::condition_variable wake;

        Waiter(Need need, std::initializer_list<const Level*> levels)
            : need(need), levels(levels) {}
        bool Satisfied() const {
            for (const Level* level : levels) {
                if (need == kPlace ? level->items < level->places : level->items > 0) return true;
            }
            return false;
        }
        std::string Describe() const {
            static const char* const kWords[] = {"to read from", "to write to", "for work from"};
            std::string text = kWords[need];
            for (const Level* level : levels) {
                text += " '" + level->name + "' (" + std::to_string(level->items) + " of " +
                        std::to_string(level->places) + " places taken)";
            }
            return text;
        }
    };

    /// Ends a process of a network that has failed; the error is already kept.
    struct Stopped {};

    static Network*& Slot() {
        static thread_local Network* network = nullptr;
        return network;
    }
    static std::vector<std::thread>& Children() {
        static thread_local std::vector<std::thread> children;
        return children;
    }

    void Guarded(const std::function<void()>& body) {
        try {
            body();
        } catch (const Stopped&) {
        } catch (const std::exception& error) {
            std::lock_guard<std::mutex> guard(lock_);
            Fail(error.what());
        }
    }

    void Leave() {
        std::lock_guard<std::mutex> guard(lock_);
        --running_;
        CheckRest();
    }

    /// Wait for an item or a place of one queue; Stopped if none can come any more.
    void WaitFor(Need need, const Level& level, std::unique_lock<std::mutex>& guard) {
        Waiter waiter(need, {&level});
        if (Wait(waiter, guard)) return;
        Fail("after the end of all commands a process waits " + waiter.Describe());
        throw Stopped();
    }

    /// False if the simulation ended first; Stopped if it has failed.
    bool Wait(Waiter& waiter, std::unique_lock<std::mutex>& guard) {
        if (!error_.empty()) throw Stopped();
        if (waiter.Satisfied()) return true;
        waiters_.push_back(&waiter);
        CheckRest();
        while (!waiter.Satisfied() && !ended_ && error_.empty()) {
            const size_t before = moves_;
            if (waiter.wake.wait_for(guard, timeout_) == std::cv_status::timeout &&
                before == moves_ && !waiter.Satisfied()) {
                FailWaiting("nothing has moved for " + std::to_string(timeout_.count()) + " ms");
            }
        }
        std::erase(waiters_, &waiter);
        if (!error_.empty()) throw Stopped();
        return waiter.Satisfied();
    }

    /// A process has moved an item of `level`.
    void Moved(const Level& level) {
        ++moves_;
        last_move_ = std::chrono::steady_clock::now();
        for (Waiter* waiter : waiters_) {
            for (const Level* watched : waiter->levels) {
                if (watched == &level) waiter->wake.notify_one();
            }
        }
    }

    /// A process has asked in vain whether it may move an item.
    void Polled(std::unique_lock<std::mutex>& guard) {
        if (error_.empty() && std::chrono::steady_clock::now() - last_move_ > timeout_) {
            FailWaiting("nothing has moved for " + std::to_string(timeout_.count()) + " ms");
        }
        if (!error_.empty()) throw Stopped();
        guard.unlock();
        std::this_thread::yield();
    }

    /// If every process waits in vain: the end, or a deadlock.
    void CheckRest() {
        if (ended_ || waiters_.empty() || waiters_.size() < running_) return;
        bool all_want_work = true;
        for (const Waiter* waiter : waiters_) {
            if (waiter->Satisfied()) return;
            all_want_work = all_want_work && waiter->need == kWork;
        }
        if (all_want_work) {
            ended_ = true;
            WakeAll();
        } else {
            FailWaiting("deadlock");
        }
    }

    void FailWaiting(const std::string& reason) {
        std::string text = reason;
        const char* joint = ": processes wait ";
        for (const Waiter* waiter : waiters_) {
            text += joint + waiter->Describe();
            joint = ", ";
        }
        Fail(text);
    }

    void Fail(const std::string& text) {
        if (error_.empty()) error_ = text;
        WakeAll();
    }

    void WakeAll() {
        for (Waiter* waiter : waiters_) waiter->wake.notify_one();
    }

    const size_t depth_;
    const std::chrono::milliseconds timeout_;
    std::mutex lock_;     // guards everything below and every Level
    size_t running_ = 0;  // processes that neither ended nor wait for processes they started
    size_t moves_ = 0;
    std::chrono::steady_clock::time_point last_move_ = std::chrono::steady_clock::now();
    std::vector<Waiter*> waiters_;
    bool ended_ = false;
    std::string error_;
};

/// The bounded queue inside a stream of a threaded simulation.
template <typename T>
class Queue : public Level {
  public:
    Queue(const char* name, size_t depth)
        : Level{name, 0, depth > 0 ? depth : Network::Current().Depth()},
          network_(Network::Current()) {}
    ~Queue() { network_.Join(); }

    void Push(const T& item) {
        std::unique_lock<std::mutex> guard(network_.lock_);
        network_.WaitFor(Network::kPlace, *this, guard);
        contents_.push_back(item);
        ++items;
        network_.Moved(*this);
    }
    void Pop(T& item) {
        std::unique_lock<std::mutex> guard(network_.lock_);
        network_.WaitFor(Network::kItem, *this, guard);
        item = contents_.front();
        contents_.pop_front();
        --items;
        network_.Moved(*this);
    }
    bool Empty() const {
        return Poll([this] { return items == 0; });
    }
    bool Full() const {
        return Poll([this] { return items == places; });
    }
    size_t Size() const {
        std::lock_guard<std::mutex> guard(network_.lock_);
        return items;
    }

  private:
    template <typename Condition>
    bool Poll(Condition condition) const {
        std::unique_lock<std::mutex> guard(network_.lock_);
        const bool in_vain = condition();
        if (in_vain) network_.Polled(guard);
        return in_vain;
    }

    Network& network_;
    std::deque<T> contents_;
};

}  // namespace m3vit::csim
