/// \file csim_main.hpp
/// Runs kernels on files, for comparison with their RTL.
///
/// The program that Python writes around this header calls `Play` once per kernel.
/// `<folder>/<stream>.items` is an array of payloads as they lie in memory; of every output such a
/// file is written. `<folder>/<stream>.left` then says how many items of an input were not read.
#pragma once

#include <ap_fixed.h>
#include <ap_int.h>
#include <hls_stream.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <tuple>
#include <utility>

namespace m3vit::fuzz {

/// An argument of a kernel. `bytes`: what Python takes an item of the stream to need.
struct Argument {
    std::string name;
    bool output;
    size_t bytes;
    long long value;  // of a number
};

template <typename T>
void Before(hls::stream<T>& stream, const Argument& argument, const std::string& folder) {
    if (sizeof(T) != argument.bytes) {
        std::cerr << argument.name << ": an item takes " << sizeof(T) << " bytes, not "
                  << argument.bytes << "\n";
        std::exit(1);
    }
    if (argument.output) return;
    std::ifstream file(folder + "/" + argument.name + ".items", std::ios::binary);
    T item;
    while (file.read(reinterpret_cast<char*>(&item), sizeof(T))) stream.write(item);
}

template <typename T>
void Before(T& number, const Argument& argument, const std::string&) {
    number = argument.value;
}

template <typename T>
void After(hls::stream<T>& stream, const Argument& argument, const std::string& folder) {
    const std::string path = folder + "/" + argument.name;
    if (!argument.output) {
        std::ofstream(path + ".left") << stream.size();
        return;
    }
    std::ofstream file(path + ".items", std::ios::binary);
    while (!stream.empty()) {
        const T item = stream.read();
        file.write(reinterpret_cast<const char*>(&item), sizeof(T));
    }
}

template <typename T>
void After(T&, const Argument&, const std::string&) {}

template <typename... Parameters, size_t... kIndex>
void Play(void (*kernel)(Parameters...), int calls, const std::string& folder,
          const Argument (&arguments)[sizeof...(Parameters)], std::index_sequence<kIndex...>) {
    std::tuple<std::remove_reference_t<Parameters>...> values;
    (Before(std::get<kIndex>(values), arguments[kIndex], folder), ...);
    for (int call = 0; call < calls; ++call) std::apply(kernel, values);
    (After(std::get<kIndex>(values), arguments[kIndex], folder), ...);
}

/// Call `kernel` so many times; its inputs and outputs are files in `folder`.
template <typename... Parameters>
void Play(void (*kernel)(Parameters...), int calls, const std::string& folder,
          const Argument (&arguments)[sizeof...(Parameters)]) {
    Play(kernel, calls, folder, arguments, std::index_sequence_for<Parameters...>());
}

}  // namespace m3vit::fuzz
