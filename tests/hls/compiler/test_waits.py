"""Iterations are held up by streams that they must access, and by no others."""

import re

import pytest

from m3vit.hls.compiler import compile_source

KERNEL = """
#include <ap_int.h>
#include <hls_stream.h>

void kernel(hls::stream<ap_uint<8>>& a, hls::stream<ap_uint<8>>& b, hls::stream<ap_uint<8>>& out) {
    ap_uint<8> held = 0;
    while (true) {
        #pragma HLS PIPELINE II=1
        %s
    }
}
"""
CHOICE = "if (!a.empty()) held += a.read(); else held ^= b.read();"
TRY_A = "if (!a.empty() && held != 7) held += a.read();"
TRY_B = "if (!b.empty() && held[1]) held -= b.read();"
WRITES = "if (!out.full() && odd) out.write(1); else if (!out.full()) out.write(0);"

CASES = {
    "held += a.read() + b.read(); out.write(held);": {"a", "b", "out"},
    f"{CHOICE} out.write(held);": {"b", "out"},
    f"{CHOICE} if (!out.full()) out.write(held);": {"b"},
    f"if (held != 7) held += a.read(); {TRY_B} out.write(held);": {"a", "out"},
    f"{TRY_A} {TRY_B} if (!out.full()) out.write(held++);": set(),
    f"const bool odd = held[0]; {TRY_A} {TRY_B} {WRITES}": set(),
    # Decided some stages later, so a place must be there when the iteration starts.
    f"{TRY_A} {TRY_B} const bool odd = held[0]; {WRITES}": {"out"},
    f"{TRY_A} {TRY_B} const bool full = out.full(); if (!full || held == 3) out.write(1);": {"out"},
}


@pytest.mark.parametrize("body", CASES)
def test_what_an_iteration_waits_for(tmp_path, body):
    source = tmp_path / "kernel.cpp"
    source.write_text(KERNEL % body)
    text = compile_source(source, "kernel", keep=False).texts()["kernel.sv"]
    start = re.search(r"assign \w*fire = (.*?);", text, re.DOTALL)[1]
    names = {port for port in ("a", "b", "out") if re.search(rf"\b{port}_(valid|room)", start)}
    assert names == CASES[body], start
