/// \file ap_root.h
/// What the ap_types headers expect of a compiler that defines __SYNTHESIS__.
///
/// `ssdm_int<W, S>` is a `_BitInt` of the same width, and the bit primitives are expressions on
/// it. Widening, rounding and saturation stay in ap_types. Where the C simulation (ap_private.h)
/// and the plain operators of `_BitInt` disagree, the primitives here do as the C simulation does;
/// vendor_headers.py puts them into the copies that the compiler uses. This file is included
/// before everything else.
///
/// Primitives that yield a `_BitInt` are statement expressions, not functions: the x86-64 ABI
/// returns one of 65 to 128 bits as a pair of registers, which LLVM cannot put together again.
#pragma once

#define typeof __typeof__

template <int kWidth, bool kSigned>
struct ssdm_int;

/// The one signed integer that clang has not: 0 and -1, kept in two bits.
struct ap_sign_bit {
    _BitInt(2) bits;
    ap_sign_bit() = default;
    template <typename T>
    constexpr ap_sign_bit(const T& value) : bits((value & 1) ? -1 : 0) {}
    constexpr operator _BitInt(2)() const { return bits; }
};

#define AP_SIGN_BIT_ASSIGN(Op)                                                      \
    template <typename T>                                                           \
    inline __attribute__((always_inline)) ap_sign_bit& operator Op##=(              \
        ap_sign_bit& to, const T& value) {                                          \
        return to = to.bits Op value;                                               \
    }
AP_SIGN_BIT_ASSIGN(+)
AP_SIGN_BIT_ASSIGN(-)
AP_SIGN_BIT_ASSIGN(*)
AP_SIGN_BIT_ASSIGN(&)
AP_SIGN_BIT_ASSIGN(|)
AP_SIGN_BIT_ASSIGN(^)
AP_SIGN_BIT_ASSIGN(<<)
AP_SIGN_BIT_ASSIGN(>>)
#undef AP_SIGN_BIT_ASSIGN

template <>
struct ssdm_int<1, true> {
    ap_sign_bit V;
    ssdm_int() = default;
};

template <int kWidth>
struct ssdm_int<kWidth, true> {
    _BitInt(kWidth) V;
    ssdm_int() = default;
};

template <int kWidth>
struct ssdm_int<kWidth, false> {
    unsigned _BitInt(kWidth) V;
    ssdm_int() = default;
};

/// A constant of a pragma: anything that is not known when compiling is an error.
template <long kValue>
constexpr long __hls_constant = kValue;

extern "C" {
/// Pragma `index` of the translation unit, about `variable` of `size` bytes (or none), with its
/// numbers.
__attribute__((nothrow)) void __hls_pragma(int index, const volatile void* variable, long size,
                                           ...);

/// The loop around this call is pipelined.
__attribute__((nothrow, noduplicate)) void __hls_pipeline(int interval);

/// A call of it that survives optimisation reports bits in falling order.
__attribute__((nothrow)) void __hls_reversed_range();
}

namespace ap_root {

template <typename T>
struct Traits {
    static constexpr int kWidth = 8 * sizeof(T);
    static constexpr bool kSigned = T(-1) < T(0);
};

template <typename T>
struct Traits<const T> : Traits<T> {};

template <>
struct Traits<bool> {
    static constexpr int kWidth = 1;
    static constexpr bool kSigned = false;
};

template <>
struct Traits<ap_sign_bit> {
    static constexpr int kWidth = 1;
    static constexpr bool kSigned = true;
};

template <int kBits>
struct Traits<_BitInt(kBits)> {
    static constexpr int kWidth = kBits;
    static constexpr bool kSigned = true;
};

template <int kBits>
struct Traits<unsigned _BitInt(kBits)> {
    static constexpr int kWidth = kBits;
    static constexpr bool kSigned = false;
};

template <int kWidth, bool kSigned>
struct Integer {
    using Type = _BitInt(kWidth);
};

template <>
struct Integer<1, true> {
    using Type = ap_sign_bit;
};

template <int kWidth>
struct Integer<kWidth, false> {
    using Type = unsigned _BitInt(kWidth);
};

constexpr int Larger(int a, int b) { return a > b ? a : b; }

#define AP_ROOT_INLINE static inline __attribute__((always_inline))

/// Types in which ap_private compares two integers of different kinds: like gcc, it converts to
/// unsigned unless the signed one is wider or both are narrower than int; equality looks at 32
/// bits or more, at 64 where the widths are the same.
template <typename A, typename B>
struct Comparison {
    static constexpr int kWidthA = Traits<A>::kWidth, kWidthB = Traits<B>::kWidth;
    static constexpr bool kSignedA = Traits<A>::kSigned, kSignedB = Traits<B>::kSigned;
    static constexpr int kWidth = Larger(kWidthA, kWidthB);
    static constexpr bool kSmall = kWidthA < 32 && kWidthB < 32;
    static constexpr bool kSignedIsWider = kSignedA ? kWidthA > kWidthB : kWidthB > kWidthA;
    static constexpr bool kSigned = kSignedA == kSignedB ? kSignedA : kSmall || kSignedIsWider;
    using Order = typename Integer<kWidth + (kSignedA || kSignedB), kSigned>::Type;
    using Equality = unsigned _BitInt(Larger(kWidth, kWidthA == kWidthB ? 64 : 32));
};

template <typename A, typename B>
AP_ROOT_INLINE bool Equal(const A& a, const B& b) {
    using T = typename Comparison<A, B>::Equality;
    return static_cast<T>(a) == static_cast<T>(b);
}

template <typename A, typename B>
AP_ROOT_INLINE bool Less(const A& a, const B& b) {
    using T = typename Comparison<A, B>::Order;
    return static_cast<T>(a) < static_cast<T>(b);
}

/// An integer whose comparison operators are the two functions above.
template <typename T>
struct Compared {
    const T& value;
};

template <typename T>
AP_ROOT_INLINE Compared<T> Compare(const T& value) {
    return {value};
}

template <typename A, typename B>
AP_ROOT_INLINE bool operator==(Compared<A> a, Compared<B> b) { return Equal(a.value, b.value); }
template <typename A, typename B>
AP_ROOT_INLINE bool operator!=(Compared<A> a, Compared<B> b) { return !Equal(a.value, b.value); }
template <typename A, typename B>
AP_ROOT_INLINE bool operator<(Compared<A> a, Compared<B> b) { return Less(a.value, b.value); }
template <typename A, typename B>
AP_ROOT_INLINE bool operator>(Compared<A> a, Compared<B> b) { return Less(b.value, a.value); }
template <typename A, typename B>
AP_ROOT_INLINE bool operator<=(Compared<A> a, Compared<B> b) { return !Less(b.value, a.value); }
template <typename A, typename B>
AP_ROOT_INLINE bool operator>=(Compared<A> a, Compared<B> b) { return !Less(a.value, b.value); }

/// The type in which a quotient of A and B is exact; mixed signs only where ap_private agrees.
template <typename A, typename B>
struct Division {
    static constexpr int kWidthA = Traits<A>::kWidth, kWidthB = Traits<B>::kWidth;
    static constexpr bool kSignedA = Traits<A>::kSigned, kSignedB = Traits<B>::kSigned;
    static_assert(kSignedA == kSignedB || (kSignedA ? kWidthA >= kWidthB : kWidthB >= kWidthA),
                  "[mixed-division] dividing integers of different sign where the unsigned one is "
                  "wider: cast both to one signed type");
    static constexpr bool kSigned = kSignedA || kSignedB;
    using Type = typename Integer<Larger(kWidthA, kWidthB) + kSigned, kSigned>::Type;
};

/// Shifts by an amount that is known to be smaller than the width.
#define AP_ROOT_SHIFT AP_ROOT_INLINE __attribute__((no_sanitize("shift")))

template <typename T, typename N>
AP_ROOT_SHIFT void ShiftLeft(T& value, N amount) {
    value = static_cast<typename Integer<Traits<T>::kWidth, false>::Type>(value) << amount;
}

template <typename T, typename N>
AP_ROOT_SHIFT void ShiftRight(T& value, N amount) {
    value >>= amount;
}

template <typename T>
AP_ROOT_INLINE bool Bit(const T& value, int index) {
    typename Integer<Traits<T>::kWidth, false>::Type bits = value;
    ShiftRight(bits, index);
    return bits & 1;
}

/// Reductions; ap_private counts sign extension bits of narrow negative numbers, so none of those.
template <typename T>
struct Reduction {
    static_assert(!Traits<T>::kSigned,
                  "[signed-reduction] the C simulation reduces signed integers wrongly: "
                  "convert to ap_uint first");
};

template <typename T>
AP_ROOT_INLINE bool ReduceAnd(const T& value) {
    (void)sizeof(Reduction<T>);
    return value == static_cast<T>(~static_cast<T>(0));
}

template <typename T>
AP_ROOT_INLINE bool ReduceOr(const T& value) {
    (void)sizeof(Reduction<T>);
    return value != 0;
}

template <typename T>
AP_ROOT_INLINE bool ReduceXor(const T& value) {
    (void)sizeof(Reduction<T>);
    bool result = false;
    for (int i = 0; i < Traits<T>::kWidth; ++i) result ^= Bit(value, i);
    return result;
}

#define _ssdm_reduce_and(V) ap_root::ReduceAnd(V)
#define _ssdm_reduce_nand(V) (!ap_root::ReduceAnd(V))
#define _ssdm_reduce_or(V) ap_root::ReduceOr(V)
#define _ssdm_reduce_xor(V) ap_root::ReduceXor(V)

}  // namespace ap_root

#define AP_ROOT_WIDTH(V) (ap_root::Traits<__typeof__(V)>::kWidth)
#define AP_ROOT_UNSIGNED(V) unsigned _BitInt(AP_ROOT_WIDTH(V))

/// `amount` is a number from 0; one of the width or more leaves zeros, or copies of the sign.
#define AP_ROOT_SHIFT_LEFT(V, amount)                                                          \
    ({                                                                                         \
        auto ap_value = (V);                                                                   \
        auto ap_amount = (amount);                                                             \
        if (ap_amount >= AP_ROOT_WIDTH(ap_value)) {                                            \
            ap_value = 0;                                                                      \
        } else {                                                                               \
            ap_root::ShiftLeft(ap_value, ap_amount);                                           \
        }                                                                                      \
        ap_value;                                                                              \
    })
#define AP_ROOT_SHIFT_RIGHT(V, amount)                                                         \
    ({                                                                                         \
        auto ap_value = (V);                                                                   \
        auto ap_amount = (amount);                                                             \
        if (ap_amount >= AP_ROOT_WIDTH(ap_value)) {                                            \
            ap_value = ap_value < 0 ? -1 : 0;                                                  \
        } else {                                                                               \
            ap_root::ShiftRight(ap_value, ap_amount);                                          \
        }                                                                                      \
        ap_value;                                                                              \
    })
#define AP_ROOT_ROTATE_LEFT(V, amount)                                                         \
    ({                                                                                         \
        AP_ROOT_UNSIGNED(V) ap_bits = (V);                                                     \
        int ap_count = (amount);                                                               \
        AP_ROOT_SHIFT_LEFT(ap_bits, ap_count) |                                                \
            AP_ROOT_SHIFT_RIGHT(ap_bits, AP_ROOT_WIDTH(ap_bits) - ap_count);                   \
    })

/// The lowest `count` bits set, in the unsigned type of V; `count` may exceed the width.
#define AP_ROOT_MASK(V, count)                                                                 \
    ({                                                                                         \
        AP_ROOT_UNSIGNED(V) ap_ones = 1;                                                       \
        ap_ones = AP_ROOT_SHIFT_LEFT(ap_ones, count);                                          \
        static_cast<AP_ROOT_UNSIGNED(V)>(ap_ones - 1);                                         \
    })

/// A comparison of bit patterns whose operator is a macro argument, as in ap_fixed_base.h.
#define AP_ROOT_COMPARE(A, Sym, B) (ap_root::Compare(A) Sym ap_root::Compare(B))

#define AP_ROOT_DIVIDE(A, Op, B)                                                       \
    ({                                                                                 \
        using ApType = typename ap_root::Division<__typeof__(A), __typeof__(B)>::Type; \
        static_cast<ApType>(A) Op static_cast<ApType>(B);                              \
    })

/// Member `operator /=` or `%=` of ap_int_base.
#define AP_ROOT_ASSIGN_DIVIDE(Op)                                                      \
    template <int _AP_W2, bool _AP_S2>                                                 \
    INLINE ap_int_base& operator Op##=(const ap_int_base<_AP_W2, _AP_S2>& op2) {       \
        Base::V = AP_ROOT_DIVIDE(Base::V, Op, op2.V);                                  \
        return *this;                                                                  \
    }

#define AP_ROOT_REVERSE(V)                                                             \
    ({                                                                                 \
        AP_ROOT_UNSIGNED(V) ap_bits = (V), ap_result = 0;                              \
        for (int ap_i = 0; ap_i < AP_ROOT_WIDTH(V); ++ap_i) {                          \
            ap_result = (ap_result << 1) | (ap_bits & 1);                              \
            ap_bits >>= 1;                                                             \
        }                                                                              \
        ap_result;                                                                     \
    })

#define _ssdm_op_get_bit(V, index) ap_root::Bit(V, index)
#define _ssdm_op_set_bit(V, index, bit)                                                        \
    ({                                                                                         \
        auto ap_old = (V);                                                                     \
        AP_ROOT_UNSIGNED(ap_old) ap_one = 1, ap_new = static_cast<bool>(bit);                  \
        int ap_index = (index);                                                                \
        ap_root::ShiftLeft(ap_one, ap_index);                                                  \
        ap_root::ShiftLeft(ap_new, ap_index);                                                  \
        static_cast<__typeof__(ap_old)>(                                                       \
            (static_cast<AP_ROOT_UNSIGNED(ap_old)>(ap_old) & ~ap_one) | ap_new);               \
    })
#define _ssdm_op_get_range(V, low, high)                                                       \
    ({                                                                                         \
        auto ap_old = (V);                                                                     \
        int ap_low = (low), ap_count = (high) - ap_low + 1;                                    \
        if (ap_count <= 0) __hls_reversed_range();                                             \
        AP_ROOT_UNSIGNED(ap_old) ap_part = ap_old;                                             \
        ap_root::ShiftRight(ap_part, ap_low);                                                  \
        static_cast<AP_ROOT_UNSIGNED(ap_old)>(ap_part & AP_ROOT_MASK(ap_old, ap_count));       \
    })
#define _ssdm_op_set_range(V, low, high, replacement)                                          \
    ({                                                                                         \
        auto ap_old = (V);                                                                     \
        auto ap_source = (replacement);                                                        \
        int ap_low = (low), ap_count = (high) - ap_low + 1;                                    \
        if (ap_count <= 0) __hls_reversed_range();                                             \
        AP_ROOT_UNSIGNED(ap_old) ap_mask = AP_ROOT_MASK(ap_old, ap_count);                     \
        AP_ROOT_UNSIGNED(ap_old) ap_new = ap_source;                                           \
        ap_new &= ap_mask;                                                                     \
        ap_root::ShiftLeft(ap_mask, ap_low);                                                   \
        ap_root::ShiftLeft(ap_new, ap_low);                                                    \
        static_cast<__typeof__(ap_old)>(                                                       \
            (static_cast<AP_ROOT_UNSIGNED(ap_old)>(ap_old) & ~ap_mask) | ap_new);              \
    })
#define _ssdm_op_reduce(Op, V) _ssdm_reduce_##Op(V)

/// Strings become numbers in the vendor's compiler only.
template <typename... Arguments>
void _ssdm_string2bits(Arguments...);
