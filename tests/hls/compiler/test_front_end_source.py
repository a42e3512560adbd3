"""The scan of the source: loops, labels, pragmas and their places."""

import pytest

from m3vit.hls.compiler.diagnostics import HlsError
from m3vit.hls.compiler.front_end import pragmas, source
from m3vit.hls.compiler.ir import Location


def scan(text):
    return source.scan(f'# 1 "kernel.cpp"\n{text}')


def loops(text):
    return [(loop.location.line, loop.label, loop.unrolled) for loop in scan(text).loops]


def test_loops_and_labels():
    text = """template <int N> struct Row { int lane[N] = {1, 2}; };
void kernel(int (&x)[4]) {
row:
    for (int i = 0; i < 4; ++i) {
        x[i] = i ? 1 : 2;
    column: for (int j = 0; j < 4; j++) {
            #pragma HLS UNROLL
            x[j] += 1;
        }
        switch (i) { case 1: break; default: x[0] = 3; }
    }
    do { x[1]++; } while (x[1] < 3);
    while (x[2]--) x[3] += 1;
    for (auto y : x) { x[0] += y; }
}"""
    assert loops(text) == [
        (4, "row", False),
        (6, "column", True),
        (12, "", False),
        (13, "", False),
        (14, "", False),
    ]


def test_markers_stand_on_the_lines_of_their_pragmas():
    text = """void kernel(int x) {
    #pragma HLS INLINE off
    int table[4];
    #pragma HLS ARRAY_PARTITION variable=table cyclic factor=(2 * 1) dim=1
    while (true) {
        #pragma HLS PIPELINE II=2
        #pragma HLS LOOP_TRIPCOUNT min=1 max=9
    }
}"""
    scanned = scan(text)
    lines = scanned.text.splitlines()[1:]
    assert lines[1] == "__hls_pragma(0, nullptr, 0L);"
    assert lines[3] == (
        "__hls_pragma(1, __builtin_addressof(table), static_cast<long>(sizeof(table)), "
        "__hls_constant<((2 * 1))>, __hls_constant<(1)>);"
    )
    assert lines[5] == "__hls_pipeline(__hls_constant<(2)>);"
    assert lines[6] == ""
    placed = scanned.pragmas
    assert [item.pragma.location.line for item in placed] == [2, 4, 6, 7]
    assert placed[0].loop is None and placed[0].extent == [1, 9]
    assert placed[2].loop is scanned.loops[0]


def test_braces_in_expressions():
    """Initialisers, lambdas and constructors do not confuse the scan."""
    text = """struct Pair { int a, b; Pair() : a{1}, b(2) { a = 3; } };
static const int kTable[2][2] = {{1, 2}, {3, 4}};
auto Make(int n) -> Pair { return Pair{}; }
void kernel() {
    Pair pair = {};
    auto twice = [&](int x) {
        #pragma HLS INLINE
        for (int i = 0; i < 2; ++i) { x += i; }
        return x;
    };
    int y = twice(Pair{}.a) + kTable[0][1];
    if (y) {
        #pragma HLS DATAFLOW
    }
    else y = 3;
outer:
    while (y) {
        #pragma HLS PIPELINE
        y = 0;
    }
}"""
    scanned = scan(text)
    assert [(loop.location.line, loop.label) for loop in scanned.loops] == [(8, ""), (17, "outer")]
    assert [item.pragma.name for item in scanned.pragmas] == ["INLINE", "DATAFLOW", "PIPELINE"]
    assert scanned.pragmas[2].loop is scanned.loops[1]


def test_only_the_users_text_is_looked_at():
    text = (
        '# 1 "vendor.h" 1 3\nvoid* operator new(unsigned long);\n'
        '# 7 "kernel.cpp" 2\nvoid kernel();\n'
    )
    scanned = source.scan(text)
    assert scanned.files == {"kernel.cpp"}
    assert scanned.lines == {("kernel.cpp", 7): "void kernel();"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("void kernel(int x) {\nif (x)\n#pragma HLS PIPELINE\n++x; }", 3),
        ("void kernel(int x) {\nfor (;;)\n#pragma HLS PIPELINE\n++x; }", 3),
        ("void kernel(int x) {\nint y = x +\n#pragma HLS INLINE off\n1; }", 3),
        ("struct Row {\n#pragma HLS AGGREGATE variable=lane\nint lane[4]; };", 2),
        ("void kernel(int x) {\nif (x) {\n#pragma HLS UNROLL\n++x; } }", 3),
    ],
)
def test_places_where_a_pragma_cannot_stand(text, line):
    with pytest.raises(HlsError) as caught:
        scan(text)
    assert caught.value.rule == "pragma-place"
    assert caught.value.location == Location("kernel.cpp", line)


def test_words_in_strings_are_none():
    assert scan('void kernel() { const char* text = "new virtual goto"; }').loops == []


def parse(text):
    return pragmas.parse(f"#pragma HLS {text}", 0, Location("kernel.cpp", 3))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("PIPELINE", {}),
        ("pipeline ii = 4 style=frp", {"ii": "4", "style": "frp"}),
        ("INTERFACE axis register both port=in".replace(" both", ""),
         {"mode": "axis", "register": "", "port": "in"}),
        ("INTERFACE s_axilite port=return bundle=control",
         {"mode": "s_axilite", "port": "return", "bundle": "control"}),
        ("ARRAY_PARTITION variable = x complete dim = 0",
         {"variable": "x", "type": "complete", "dim": "0"}),
        ("ARRAY_PARTITION dim=2 type=block factor=(kA + 1) variable=x.y[3]",
         {"dim": "2", "type": "block", "factor": "(kA + 1)", "variable": "x.y[3]"}),
        ("DEPENDENCE variable=x inter RAW false",
         {"variable": "x", "type": "inter", "direction": "raw", "dependent": "false"}),
        ("BIND_STORAGE variable=x type=RAM_2P impl=URAM latency=3",
         {"variable": "x", "type": "ram_2p", "impl": "uram", "latency": "3"}),
    ],
)  # fmt: skip
def test_options(text, options):
    assert parse(text).options == options


def test_other_lines_are_no_pragmas():
    assert pragmas.parse("#pragma once", 0, Location("kernel.cpp", 1)) is None
    assert pragmas.parse("  x += 1;", 0, Location("kernel.cpp", 1)) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "says nothing"),
        ("ALLOCATION operation instances=mul limit=1", "operators are not shared"),
        ("ARRAY_RESHAPE variable=x", "array of structs"),
        ("PIPELINE off", "'off' is not understood"),
        ("PIPELINE II", "'ii' needs a value"),
        ("PIPELINE II=1 II=2", "'II=2' is not understood"),
        ("INTERFACE mode=axis", "'port' is missing"),
        ("INTERFACE mode=ap_fifo port=x", "mode cannot be 'ap_fifo'"),
        ("INTERFACE mode=axis port=x[0]", "is not the name of an argument"),
        ("STREAM variable=x", "needs depth="),
        ("ARRAY_PARTITION variable=x complete factor=2", "has no factor"),
        ("ARRAY_PARTITION variable=x block", "needs factor="),
        ("DEPENDENCE variable=x intra dependent=true distance=3", "write type=inter"),
        ("LOOP_FLATTEN", "'off' is missing"),
    ],
)
def test_refused_pragmas(text, sentence):
    with pytest.raises(HlsError, match=sentence) as caught:
        parse(text)
    assert caught.value.rule in ("unknown-pragma", "pragma-option")
    assert caught.value.location == Location("kernel.cpp", 3)


@pytest.mark.parametrize(
    ("core", "kind"),
    [("RAM_2P_BRAM", "bram"), ("ram_1p_lutram", "lutram"), ("ROM_1P", ""), ("RAM_2P_1S", "lutram")],
)
def test_cores(core, kind):
    assert pragmas.storage_of_core(parse(f"RESOURCE variable=x core={core}")) == kind
