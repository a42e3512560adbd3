/// \file adapter.hpp
/// The C interface through which Python runs one kernel of a shared library.
///
///     #include "route_top.cpp"
///     M3VIT_CSIM_KERNEL(route_top, "commands", "picks", "visits")
///
/// A kernel is a function of streams. A stream is an array of payloads in memory: those of the
/// inputs are filled before the kernel runs, all others are drained when it has ended.
#pragma once

#include <hls_stream.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "payload.hpp"

namespace m3vit::csim {

/// One stream of a call: `items` is null for an output.
struct Port {
    const void* items;
    size_t count;
};

/// What a kernel left behind.
struct Outcome {
    std::string error;               // what went wrong, or nothing
    std::vector<std::string> items;  // per stream: the bytes of the payloads written to it
    std::vector<size_t> left;        // per stream: input items that were not read
};

/// What a shared library does for its kernel.
class Kernel {
  public:
    virtual std::string Describe() const = 0;
    virtual Outcome Run(const Port* ports, size_t depth, size_t timeout_ms) const = 0;

  protected:
    ~Kernel() = default;
};

template <typename... T>
class KernelOf final : public Kernel {
  public:
    using Function = void (*)(hls::stream<T>&...);
    using Streams = std::tuple<hls::stream<T>...>;

    KernelOf(Function function, const char* const (&names)[sizeof...(T)]) : function_(function) {
        std::copy(std::begin(names), std::end(names), names_);
    }

    /// The payloads of the streams, in order: a JSON list.
    std::string Describe() const override {
        std::string text;
        ((text += (text.empty() ? "[" : ",") + csim::Describe<T>()), ...);
        return text + "]";
    }

    Outcome Run(const Port* ports, size_t depth, size_t timeout_ms) const override {
        Outcome outcome;
        outcome.items.resize(sizeof...(T));
        outcome.left.resize(sizeof...(T));
        try {
            Simulate(ports, outcome, depth, timeout_ms, std::index_sequence_for<T...>());
        } catch (const std::exception& error) {
            outcome.error = error.what();
        }
        return outcome;
    }

  private:
#ifdef M3VIT_THREADS
    /// One thread feeds each input and one drains each output.
    template <size_t... kIndex>
    void Simulate(const Port* ports, Outcome& outcome, size_t depth, size_t timeout_ms,
                  std::index_sequence<kIndex...>) const {
        Network network(depth, std::chrono::milliseconds(timeout_ms));
        network.Run([&] {
            Streams streams(names_[kIndex]...);
            const auto attach = [&](auto& stream, const Port& port, std::string& drained,
                                    size_t& left) {
                if (port.items == nullptr) {
                    network.Start([&] { Drain(stream, drained, network); });
                } else {
                    left = port.count;
                    network.Start([&] { Feed(stream, port, left); });
                }
            };
            (attach(std::get<kIndex>(streams), ports[kIndex], outcome.items[kIndex],
                    outcome.left[kIndex]),
             ...);
            network.Start([&] { std::apply(function_, streams); });
        });
    }

    template <typename Item>
    static void Feed(hls::stream<Item>& stream, const Port& port, size_t& left) {
        for (const Item* item = static_cast<const Item*>(port.items); left > 0; ++item, --left) {
            stream.write(*item);
        }
    }

    template <typename Item>
    static void Drain(hls::stream<Item>& stream, std::string& drained, Network& network) {
        while (network.WaitForWork({&stream.queue()})) {
            const Item item = stream.read();
            drained.append(reinterpret_cast<const char*>(&item), sizeof(Item));
        }
    }
#else
    template <size_t... kIndex>
    void Simulate(const Port* ports, Outcome& outcome, size_t, size_t,
                  std::index_sequence<kIndex...>) const {
        Streams streams(names_[kIndex]...);
        const auto fill = [](auto& stream, const Port& port) {
            if (port.items != nullptr) stream.queue().Fill(port.items, port.count);
        };
        (fill(std::get<kIndex>(streams), ports[kIndex]), ...);
        std::apply(function_, streams);
        const auto finish = [](auto& stream, const Port& port, std::string& drained, size_t& left) {
            if (port.items == nullptr) {
                drained = stream.queue().Drain();
            } else {
                left = stream.size();
            }
        };
        (finish(std::get<kIndex>(streams), ports[kIndex], outcome.items[kIndex],
                outcome.left[kIndex]),
         ...);
    }
#endif

    Function function_;
    const char* names_[sizeof...(T)];
};

template <typename... T>
KernelOf(void (*)(hls::stream<T>&...), const char* const (&)[sizeof...(T)]) -> KernelOf<T...>;

/// The kernel of this shared library; see M3VIT_CSIM_KERNEL.
const Kernel& Exported();

}  // namespace m3vit::csim

/// Make `function` the kernel of this shared library; the names of its streams follow.
#define M3VIT_CSIM_KERNEL(function, ...)                                    \
    const m3vit::csim::Kernel& m3vit::csim::Exported() {                    \
        static const m3vit::csim::KernelOf kernel(function, {__VA_ARGS__}); \
        return kernel;                                                      \
    }

#define M3VIT_CSIM_EXPORT extern "C" __attribute__((visibility("default")))

M3VIT_CSIM_EXPORT const char* m3vit_describe() {
    static const std::string description = m3vit::csim::Exported().Describe();
    return description.c_str();
}

/// `ports` has one entry per stream. The caller releases the outcome.
M3VIT_CSIM_EXPORT m3vit::csim::Outcome* m3vit_run(const m3vit::csim::Port* ports, size_t depth,
                                                  size_t timeout_ms) {
    return new m3vit::csim::Outcome(m3vit::csim::Exported().Run(ports, depth, timeout_ms));
}

M3VIT_CSIM_EXPORT const char* m3vit_error(const m3vit::csim::Outcome* outcome) {
    return outcome->error.c_str();
}

M3VIT_CSIM_EXPORT size_t m3vit_left(const m3vit::csim::Outcome* outcome, size_t stream) {
    return outcome->left[stream];
}

M3VIT_CSIM_EXPORT size_t m3vit_bytes(const m3vit::csim::Outcome* outcome, size_t stream) {
    return outcome->items[stream].size();
}

M3VIT_CSIM_EXPORT void m3vit_copy(const m3vit::csim::Outcome* outcome, size_t stream,
                                  void* target) {
    const std::string& items = outcome->items[stream];
    std::memcpy(target, items.data(), items.size());
}

M3VIT_CSIM_EXPORT void m3vit_release(m3vit::csim::Outcome* outcome) {
    delete outcome;
}
