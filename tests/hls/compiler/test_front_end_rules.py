"""Every construct outside the subset is refused, with its line and its rule."""

from pathlib import Path

import pytest

from m3vit.errors import UserError
from m3vit.hls.compiler import front_end
from m3vit.hls.compiler.diagnostics import HlsError

HEADERS = "#include <ap_fixed.h>\n#include <ap_int.h>\n#include <hls_stream.h>\n"
INPUT_OUTPUT = "void kernel(hls::stream<ap_int<16>>& in, hls::stream<ap_int<16>>& out) {\n"
LOOP = INPUT_OUTPUT + "while (true) {\n#pragma HLS PIPELINE II=1\nap_int<16> x = in.read();\n"


def refused(tmp_path: Path, text: str) -> HlsError:
    """The error of a program; it must be at the line that ends in `// HERE`."""
    path = tmp_path / "kernel.cpp"
    path.write_text(HEADERS + text)
    with pytest.raises(HlsError) as caught:
        front_end.read(path, "kernel")
    lines = (HEADERS + text).splitlines()
    expected = [number for number, line in enumerate(lines, start=1) if line.endswith("// HERE")]
    location = caught.value.location
    assert location is not None, caught.value
    assert [location.line] == expected, caught.value
    assert location.file.endswith("kernel.cpp")
    assert str(caught.value) == f"{location}: {caught.value.sentence} [{caught.value.rule}]"
    assert isinstance(caught.value, UserError)
    return caught.value


IN_LOOP = {
    "floating-point": ["float y = x.to_int() * 0.5f; out.write((int)y); // HERE"],
    "division": ["out.write(x / in.read()); // HERE", "out.write(1000 % x); // HERE"],
    "loop-in-pipeline": [
        "for (int i = 0; i < x; ++i) // HERE\nout.write(x);",
        "ap_int<16> big[2048] = {}; // HERE\nbig[x & 2047] = 1; out.write(big[x & 7]);",
        "for (int i = 0; i < x; ++i) { // HERE\n#pragma HLS PIPELINE\nout.write(x); }",
    ],
    "unroll": ["for (int i = 0; i < x; ++i) { // HERE\n#pragma HLS UNROLL\nx += in.read() * i; }"],
    "shift-amount": ["int y = x; out.write(7 << y); // HERE"],
    "signed-reduction": ["out.write(x.xor_reduce()); // HERE"],
    "reversed-range": ["ap_uint<16> y = x; out.write(y(0, 15)); // HERE"],
    "mixed-division": ["out.write(ap_uint<8>(x) / ap_int<4>(3)); // HERE"],
    "string-number": ['out.write(ap_int<16>("123")); // HERE'],
    "dynamic-memory": [
        "int* p = new int[4]; out.write(p[x & 3]); // HERE",
        "int* p = (int*)__builtin_malloc(64); p[x & 15] = x; out.write(p[0]); // HERE",
    ],
    "pragma-place": [
        "if (x > 3)\n#pragma HLS PIPELINE // HERE\nout.write(x);",
        "if (x > 3) {\n#pragma HLS UNROLL // HERE\nout.write(x); }",
    ],
    "unknown-pragma": [
        "#pragma HLS ALLOCATION operation instances=mul limit=1 // HERE\nout.write(x);",
        "#pragma HLS FASTER // HERE\nout.write(x);",
    ],
    "pragma-option": [
        "for (int i = 0; i < 4; ++i) {\n#pragma HLS UNROLL factor=2 // HERE\nout.write(x); }",
        "ap_int<8> t[4];\n#pragma HLS ARRAY_PARTITION variable=t type=cyclic // HERE\nt[0] = x;",
        "ap_int<8> t[4];\n#pragma HLS ARRAY_PARTITION variable=t type=odd // HERE\nt[0] = x;",
        "ap_int<8> t[4];\n#pragma HLS DEPENDENCE variable=t inter true // HERE\nt[0] = x;",
        "ap_int<8> t[64];\n#pragma HLS RESOURCE variable=t core=FIFO_LUT // HERE\n"
        "t[x & 63] = x; out.write(t[x & 31]);",
        "ap_int<8> t[64];\n#pragma HLS ARRAY_PARTITION variable=t dim=2 // HERE\n"
        "t[x & 63] = x; out.write(t[x & 31]);",
    ],
    "bind-op": ["ap_int<16> y = x + 1;\n#pragma HLS BIND_OP variable=y op=mul impl=dsp // HERE\n"
                "out.write(y);"],
    "stream-place": [
        "hls::stream<ap_int<16>> inner; // HERE\ninner.write(x); out.write(inner.read());"
    ],
    "c++": ["out.write(y); // HERE", "int n = x;\nap_int<8> t[4];\n"
            "#pragma HLS ARRAY_PARTITION variable=t type=cyclic factor=n // HERE\nout.write(x);"],
    "goto": ["again: out.write(x); if (x == 3) goto again; // HERE"],
    "const-cast": ["const int y = 3; const_cast<int&>(y) = 4; out.write(y); // HERE"],
    "large-copy": ["short big[4096] = {}; // HERE\nbig[x & 4095] = 1; out.write(big[x & 7]);"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "body"), [(rule, body) for rule, bodies in IN_LOOP.items() for body in bodies]
)
def test_inside_a_pipelined_loop(tmp_path, rule, body):
    assert refused(tmp_path, LOOP + body + "\n}}\n").rule == rule


PROGRAMS = {
    "recursion": [
        "static int count(int n) { // HERE\nreturn n < 2 ? n : count(n - 1) + count(n - 2); }\n"
        + LOOP + "out.write(count(x)); }}"
    ],
    "virtual-call": ["struct Base { virtual int value() { return 1; } }; // HERE\n" + LOOP + "}}"],
    "function-pointer": [
        "static int one(int x) { return x + 1; }\nstatic int two(int x) { return 2 * x; }\n"
        + LOOP + "int (*pick)(int) = x > 0 ? one : two;\nout.write(pick(x)); // HERE\n}}"
    ],
    "unknown-function": ["int elsewhere(int x);\n" + LOOP + "out.write(elsewhere(x)); // HERE\n}}"],
    "loop-not-pipelined": [
        INPUT_OUTPUT + "ap_int<16> x = in.read();\nwhile (x != 1) { // HERE\n"
        "x = x[0] ? ap_int<16>(3 * x + 1) : ap_int<16>(x >> 1); }\nout.write(x); }",
        INPUT_OUTPUT + "for (int i = 0; i < 100000; ++i) { // HERE\nout.write(in.read()); } }",
    ],
    "m-axi": [
        "void kernel(int* memory, hls::stream<int>& out) {\n"
        "#pragma HLS INTERFACE m_axi port=memory offset=slave // HERE\nout.write(*memory); }"
    ],
    "array-parameter": [
        "void kernel(const int* memory, hls::stream<int>& out) { // HERE\nout.write(*memory); }"
    ],
    "process-result": [
        "int kernel(hls::stream<int>& in) { // HERE\nreturn in.read(); }",
        "void kernel(hls::stream<int>& in, int& result) { // HERE\nresult = in.read(); }",
    ],
    "floating-point": ["void kernel(hls::stream<float>& in) { // HERE\nin.read(); }"],
    "payload": [
        "struct Flags { int low : 4; int high : 4; };\n"
        "void kernel(hls::stream<Flags>& in) { // HERE\nin.read(); }"
    ],
    "by-value": [
        "struct Pair { int a, b; };\n"
        "void kernel(Pair pair, hls::stream<int>& out) { // HERE\nout.write(pair.a); }"
    ],
    "pragma-place": [
        "#pragma HLS INLINE off // HERE\n" + INPUT_OUTPUT + "out.write(in.read()); }",
        INPUT_OUTPUT + "#pragma HLS PIPELINE II=1 // HERE\nout.write(in.read()); }",
    ],
    "pragma-variable": [
        "static ap_int<8> first[64], second[64];\n"
        + INPUT_OUTPUT + "ap_int<16> x = in.read();\nauto& chosen = x > 0 ? first : second;\n"
        "#pragma HLS BIND_STORAGE variable=chosen type=ram_2p impl=bram // HERE\n"
        "out.write(chosen[x & 63]); }"
    ],
    "interface": [
        INPUT_OUTPUT + "#pragma HLS INTERFACE axis port=input // HERE\nout.write(in.read()); }",
        INPUT_OUTPUT + "#pragma HLS INTERFACE s_axilite port=in // HERE\nout.write(in.read()); }",
        INPUT_OUTPUT + "#pragma HLS INTERFACE ap_ctrl_none port=return\n"
        "#pragma HLS INTERFACE ap_ctrl_hs port=return // HERE\nout.write(in.read()); }",
        "static int one(int x) {\n#pragma HLS INTERFACE ap_none port=x // HERE\nreturn x + 1; }\n"
        + INPUT_OUTPUT + "out.write(one(in.read())); }",
    ],
    "loop-in-module": [
        "static int length(ap_uint<16> x) {\n#pragma HLS INLINE off\nint n = 0;\n"
        "while (x != 0) { // HERE\n++n; x >>= 1; if (x == 77) x = 3; }\nreturn n; }\n"
        + LOOP + "out.write(length(x)); }}"
    ],
    "module-state": [
        "static ap_int<16> total; // HERE\nstatic ap_int<16> add(ap_int<16> x) {\n"
        "#pragma HLS INLINE off\nreturn total += x; }\n" + LOOP + "out.write(add(x)); }}"
    ],
    "overlapping-arguments": [
        "static void swap(const ap_int<16>& from, ap_int<16>& to) {\n#pragma HLS INLINE off\n"
        "to = from + 1; to += from; }\n" + LOOP + "swap(x, x); // HERE\nout.write(x); }}"
    ],
    "shared-state": [
        "static ap_int<16> last; // HERE\n"
        "static void One(hls::stream<int>& in, hls::stream<int>& out) {\nlast = in.read();\n"
        "out.write(last); }\n"
        "static void Two(hls::stream<int>& in, hls::stream<int>& out) {\n"
        "out.write(in.read() + last); }\n"
        "void kernel(hls::stream<int>& in, hls::stream<int>& out) {\n#pragma HLS DATAFLOW\n"
        "hls::stream<int> middle;\nOne(in, middle);\nTwo(middle, out); }"
    ],
    "dataflow-body": [
        "static void One(hls::stream<int>& in, hls::stream<int>& out, int offset) {\n"
        "out.write(in.read() + offset); }\n"
        "void kernel(hls::stream<int>& in, hls::stream<int>& out, int offset) {\n"
        "#pragma HLS DATAFLOW\nOne(in, out, 2 * offset); // HERE\n}",
        "static void One(hls::stream<int>& in, hls::stream<int>& out) { out.write(in.read()); }\n"
        "void kernel(hls::stream<int>& in, hls::stream<int>& out, bool on) {\n"
        "#pragma HLS DATAFLOW\nif (on) // HERE\nOne(in, out); }",
    ],
    "stream-index": [
        "void kernel(hls::stream<int> (&in)[3], hls::stream<int>& out) {\nint x = in[0].read();\n"
        "out.write(in[x].read()); // HERE\n}"
    ],
    "top": [
        "namespace a { void kernel(hls::stream<int>& in) { in.read(); } }\n"
        "namespace b { void kernel(hls::stream<int>& in) { in.read(); } } // HERE\n"
    ],
    "c++": [
        "template <int N> struct Table { ap_int<8> at[N]; }; // HERE\n"
        "void kernel(hls::stream<Table<-1>>& in) { in.read(); }\n"
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in PROGRAMS.items() for text in texts]
)
def test_program(tmp_path, rule, text):
    assert refused(tmp_path, text).rule == rule


def test_missing_top(tmp_path):
    path = tmp_path / "kernel.cpp"
    path.write_text(HEADERS + "static void kernel(hls::stream<int>& in) { in.read(); }\n")
    with pytest.raises(HlsError, match="defines no function kernel") as caught:
        front_end.read(path, "kernel")
    assert caught.value.rule == "top" and caught.value.location is None


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        front_end.read(tmp_path / "kernel.cpp", "kernel")


def test_missing_header(tmp_path):
    path = tmp_path / "kernel.cpp"
    path.write_text('#include "nowhere.hpp"\n')
    with pytest.raises(HlsError, match=r"'nowhere\.hpp' file not found") as caught:
        front_end.read(path, "kernel")
    assert caught.value.location is not None and caught.value.location.line == 1
