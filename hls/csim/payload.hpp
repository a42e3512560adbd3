/// \file payload.hpp
/// The memory layout of a stream's payload, as JSON, found by the compiler itself.
///
///     struct Pick { ap_uint<6> expert; ap_int<9> at[2][3]; };
///     {"bytes":14,"fields":[{"name":"expert","offset":0,"type":{"bytes":1,"width":6,"signed":false}},
///      {"name":"at","offset":2,"type":{"bytes":12,"count":2,"element":{...}}}]}
///
/// A payload is an integer, an ap_[u]int or ap_[u]fixed of up to 64 bits, an array of payloads, or
/// a plain aggregate of up to 12 members. Members are counted by how many empty initialisers an
/// aggregate takes, reached by structured bindings, and named by what the compiler prints for a
/// template argument that is their address; so nothing has to be written beside a struct.
#pragma once

#include <ap_fixed.h>
#include <ap_int.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace m3vit::csim {

/// Width and sign of what is no array and no aggregate.
template <typename T>
struct Number {
    static_assert(std::is_integral_v<T>, "a payload of integers, ap_ types, arrays and structs");
    static constexpr int kWidth = std::is_same_v<T, bool> ? 1 : 8 * sizeof(T);
    static constexpr bool kSigned = std::is_signed_v<T>;
};
template <int kBits, bool kIsSigned>
struct ApNumber {
    static_assert(kBits <= 64, "numbers of a payload have up to 64 bits: use an array of them");
    static constexpr int kWidth = kBits;
    static constexpr bool kSigned = kIsSigned;
};
template <int W>
struct Number<ap_int<W>> : ApNumber<W, true> {};
template <int W>
struct Number<ap_uint<W>> : ApNumber<W, false> {};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct Number<ap_fixed<W, I, Q, O, N>> : ApNumber<W, true> {};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct Number<ap_ufixed<W, I, Q, O, N>> : ApNumber<W, false> {};

/// How many members an aggregate has; one too many stands for "more".
template <typename T>
constexpr size_t MemberCount() {
#define M3VIT_IF_TAKES(count, ...)              \
    if constexpr (requires { T{__VA_ARGS__}; }) \
        return count;                           \
    else
    M3VIT_IF_TAKES(13, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(12, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(11, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(10, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(9, {}, {}, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(8, {}, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(7, {}, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(6, {}, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(5, {}, {}, {}, {}, {})
    M3VIT_IF_TAKES(4, {}, {}, {}, {})
    M3VIT_IF_TAKES(3, {}, {}, {})
    M3VIT_IF_TAKES(2, {}, {})
    M3VIT_IF_TAKES(1, {})
    return 0;
#undef M3VIT_IF_TAKES
}

/// References to the members of an aggregate.
template <typename T>
constexpr auto Members(T& object) {
    constexpr size_t kCount = MemberCount<T>();
    static_assert(kCount >= 1 && kCount <= 12, "a payload of 1 to 12 members: group some");
#define M3VIT_IF_COUNT(count, ...)    \
    if constexpr (kCount == count) {  \
        auto& [__VA_ARGS__] = object; \
        return std::tie(__VA_ARGS__); \
    } else
    M3VIT_IF_COUNT(1, m0)
    M3VIT_IF_COUNT(2, m0, m1)
    M3VIT_IF_COUNT(3, m0, m1, m2)
    M3VIT_IF_COUNT(4, m0, m1, m2, m3)
    M3VIT_IF_COUNT(5, m0, m1, m2, m3, m4)
    M3VIT_IF_COUNT(6, m0, m1, m2, m3, m4, m5)
    M3VIT_IF_COUNT(7, m0, m1, m2, m3, m4, m5, m6)
    M3VIT_IF_COUNT(8, m0, m1, m2, m3, m4, m5, m6, m7)
    M3VIT_IF_COUNT(9, m0, m1, m2, m3, m4, m5, m6, m7, m8)
    M3VIT_IF_COUNT(10, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9)
    M3VIT_IF_COUNT(11, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10)
    M3VIT_IF_COUNT(12, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11)
    return std::tuple();
#undef M3VIT_IF_COUNT
}

/// An object whose members have addresses at compile time; only its layout is used.
template <typename T>
struct Sample {
    static inline T object;
};

/// "expert" of &Sample<Pick>::object.Pick::expert.
template <auto* kMember>
constexpr std::string_view MemberName() {
    std::string_view text = __PRETTY_FUNCTION__;
    text = text.substr(0, text.find(')', text.find("kMember = ")));
    return text.substr(text.rfind(':') + 1);
}

template <typename T>
std::string Describe();

template <typename T, size_t... kIndex>
std::string DescribeMembers(std::index_sequence<kIndex...>) {
    static constexpr auto kMembers = Members(Sample<T>::object);
    const char* const start = reinterpret_cast<const char*>(&Sample<T>::object);
    std::string text;
    const auto describe = [&](auto& member, std::string_view name) {
        const size_t offset = reinterpret_cast<const char*>(&member) - start;
        text += (text.empty() ? "{\"name\":\"" : ",{\"name\":\"") + std::string(name) +
                "\",\"offset\":" + std::to_string(offset) +
                ",\"type\":" + Describe<std::remove_reference_t<decltype(member)>>() + "}";
    };
    (describe(std::get<kIndex>(kMembers), MemberName<&std::get<kIndex>(kMembers)>()), ...);
    return text;
}

template <typename T>
std::string Describe() {
    std::string text = "{\"bytes\":" + std::to_string(sizeof(T));
    if constexpr (std::is_array_v<T>) {
        text += ",\"count\":" + std::to_string(std::extent_v<T>) +
                ",\"element\":" + Describe<std::remove_extent_t<T>>();
    } else if constexpr (std::is_aggregate_v<T>) {
        text += ",\"fields\":[" + DescribeMembers<T>(std::make_index_sequence<MemberCount<T>()>()) +
                "]";
    } else {
        text += ",\"width\":" + std::to_string(Number<T>::kWidth) +
                ",\"signed\":" + (Number<T>::kSigned ? "true" : "false");
    }
    return text + "}";
}

}  // namespace m3vit::csim
