/// Prints what ap_types make of many operands: the same text with gcc and the pristine headers as
/// with clang and the headers for synthesis.
#include <ap_fixed.h>
#include <ap_int.h>

extern "C" int printf(const char*, ...);

#ifdef __SYNTHESIS__
extern "C" void __hls_reversed_range() noexcept {
    printf("reversed range\n");
}
#endif

static unsigned long long state = 1;

static unsigned long long Random() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

template <typename T>
T Draw() {
    T value = 0;
    value(T::width - 1, 0) = ap_uint<T::width>(Random());
    switch (Random() % 6) {
        case 0:
            value = 0;
            break;
        case 1:
            value = -1;
            break;
        case 2:
            value = T(1) << (T::width - 1);
            break;
        default:
            break;
    }
    return value;
}

template <int kWidth, bool kSigned>
void Print(const ap_int_base<kWidth, kSigned>& value) {
    const ap_uint<128> bits = value;
    printf(" %llx", ap_uint<64>(bits(63, 0)).to_uint64());
    if (kWidth > 64) printf(":%llx", ap_uint<64>(bits(127, 64)).to_uint64());
}

template <typename A, typename B, bool kDivides>
void Pair() {
    for (int i = 0; i < 40; ++i) {
        const A a = Draw<A>();
        const B b = Draw<B>();
        printf("\n%d%d%d%d%d%d", a == b, a != b, a<b, a <= b, a> b, a >= b);
        Print(a + b);
        Print(a - b);
        Print(a * b);
        Print(a & b);
        Print(a | b);
        Print(a ^ b);
        A c = a;
        c += b;
        c -= a;
        c *= b;
        Print(c);
        const int amount = Random() % (2 * A::width + 3);
        Print(a << amount);
        Print(a >> amount);
        Print(a << ap_uint<8>(amount));
        Print(a >> (ap_int<9>(A::width) - amount));
        c <<= ap_int<9>(amount - A::width);
        Print(c);
        if constexpr (kDivides) {
            const B divisor = b > 0 ? b : B(3);
            Print(a / divisor);
            Print(a % divisor);
        }
        const int low = Random() % A::width, high = low + Random() % (A::width - low);
        Print(ap_uint<128>(a(high, low)));
        A d = a;
        d(high, low) = b;
        d[low] = d[high] ^ d[0];
        Print(d);
        Print(ap_uint<128>((ap_uint<40>(a), ap_uint<40>(b))));
        ap_uint<A::width> e = a;
        e.lrotate(low);
        Print(e);
        e.rrotate(high);
        Print(e.reverse());
        printf(" %d%d%d", e.xor_reduce(), e.and_reduce(), e.or_reduce());
    }
}

template <typename F, typename G>
void Fixed() {
    for (int i = 0; i < 40; ++i) {
        F f;
        f(F::width - 1, 0) = Draw<ap_uint<F::width>>();
        G g = f;
        Print(ap_uint<64>(g(G::width - 1, 0)));
        g = f * g;
        Print(ap_uint<64>(g(G::width - 1, 0)));
        g = f + g;
        Print(ap_uint<64>(g(G::width - 1, 0)));
        f <<= int(Random() % 30) - 15;
        Print(ap_uint<64>(f(F::width - 1, 0)));
        printf(" %d%d%d", f == g, f < g, f >= g);
    }
}

template <ap_q_mode kRounding>
void Modes() {
    Fixed<ap_fixed<14, 5>, ap_fixed<9, 3, kRounding, AP_SAT>>();
    Fixed<ap_fixed<14, 5>, ap_fixed<9, 3, kRounding, AP_SAT_SYM>>();
    Fixed<ap_ufixed<14, 5>, ap_fixed<9, 3, kRounding, AP_SAT_ZERO>>();
    Fixed<ap_fixed<14, 5>, ap_ufixed<9, 3, kRounding, AP_WRAP>>();
}

int main() {
    Pair<ap_uint<10>, ap_int<8>, false>();
    Pair<ap_int<10>, ap_uint<8>, true>();
    Pair<ap_int<32>, ap_uint<32>, true>();
    Pair<ap_int<70>, ap_int<66>, true>();
    Modes<AP_RND_CONV>();
    Modes<AP_TRN_ZERO>();
    printf("\n");
    return 0;
}
