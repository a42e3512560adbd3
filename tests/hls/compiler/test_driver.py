import json

import pytest

from m3vit.errors import UserError
from m3vit.hls.compiler import HlsError, compile_source, driver
from m3vit.hls.compiler.library import RTL_LIBRARY
from m3vit.sim.rtl import verilator

HEADER = "constexpr int kStep = 3;\n"
SOURCE = """
#include <ap_int.h>
#include <hls_stream.h>
#include "step.hpp"
#ifndef EXTRA
#define EXTRA 0
#endif
void add_step(hls::stream<ap_int<8>>& in, hls::stream<ap_int<9>>& out) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    while (true) {
        #pragma HLS PIPELINE II=1
        out.write(in.read() + kStep + EXTRA);
    }
}
void add_number(hls::stream<ap_int<8>>& in, hls::stream<ap_int<9>>& out, ap_uint<5> number,
                ap_uint<8> count) {
    #pragma HLS INTERFACE mode=s_axilite port=number
    #pragma HLS INTERFACE mode=s_axilite port=return
    for (ap_uint<8> i = 0; i < count; ++i) {
        #pragma HLS PIPELINE II=1
        out.write(in.read() + number);
    }
}
void stream_fifo(hls::stream<ap_int<8>>& in, hls::stream<ap_int<8>>& out) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    while (true) {
        #pragma HLS PIPELINE II=1
        out.write(in.read());
    }
}
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A C++ file whose header is in the directory `include`, and an empty cache."""
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "step.hpp").write_text(HEADER)
    path = tmp_path / "steps.cpp"
    path.write_text(SOURCE)
    monkeypatch.setattr(driver, "default_root", lambda: tmp_path / "cache")
    return path


def compiled(source, top="add_step", **options):
    return compile_source(source, top, include=[source.parent / "include"], **options)


def test_a_design_knows_its_ports(source):
    design = compiled(source)
    assert design.top == "add_step"
    assert design.control == "free-running"
    assert [(s.name, s.direction, s.width) for s in design.streams] == [
        ("in", "in", 8),
        ("out", "out", 9),
    ]
    assert list(design.modules) == ["add_step"]
    assert design.registers == ()
    assert design.report.clock_ns == 3.333


def test_registers_wrap_the_function(source):
    design = compiled(source, "add_number")
    assert design.top == "add_number_axilite"
    assert list(design.modules) == ["add_number", "add_number_axilite"]
    assert design.control == "axilite"
    assert [(r.name, r.offset) for r in design.registers] == [("number", 0x10)]
    assert [scalar.name for scalar in design.scalars] == ["count"]


def test_nothing_is_compiled_twice(source, monkeypatch):
    first = compiled(source)
    calls = []
    read = driver.front_end.read
    monkeypatch.setattr(driver.front_end, "read", lambda *args: calls.append(args) or read(*args))
    assert compiled(source) == first
    assert not calls
    (source.parent / "include" / "step.hpp").write_text("constexpr int kStep = 4;\n")
    assert compiled(source).modules != first.modules
    assert compiled(source, defines={"EXTRA": "1"}).modules != first.modules
    assert compiled(source, clock_ns=10).report.clock_ns == 10
    assert len(calls) == 3
    (source.parent / "include" / "step.hpp").write_text(HEADER)
    assert compiled(source) == first
    assert len(calls) == 3


def test_another_compiler_compiles_again(source, monkeypatch):
    compiled(source)
    monkeypatch.setattr(driver, "_tools", lambda: {"llvm": "0"})
    assert compiled(source).report.tools == {"llvm": "0"}


def test_the_cache_forgets_what_was_unused_for_longest(source, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "CACHED_DESIGNS", 2)
    for clock in (3, 4, 5):
        compiled(source, clock_ns=clock)
    assert len(list((tmp_path / "cache" / "hls-designs").iterdir())) == 2


def test_what_is_not_kept_leaves_nothing_behind(source, tmp_path):
    assert compiled(source, keep=False) == compiled(source, keep=False)
    assert not (tmp_path / "cache").exists()


def test_a_written_design_is_complete(source, tmp_path):
    design = compiled(source, "add_number")
    target = tmp_path / "rtl"
    files = design.write(target)
    assert [path.stem for path in files[-2:]] == ["add_number", "add_number_axilite"]
    assert {path.name for path in target.iterdir()} == {*(p.name for p in files), "report.json"}
    assert json.loads((target / "report.json").read_text())["top"] == "add_number"
    assert verilator.lint(files, design.top) == []


def test_an_earlier_design_goes_and_anything_else_stays(source, tmp_path):
    compiled(source, "add_number").write(tmp_path / "rtl")
    compiled(source).write(tmp_path / "rtl")
    assert not (tmp_path / "rtl" / "add_number.sv").exists()
    with pytest.raises(UserError, match="holds cache, which is no part of a design: choose"):
        compiled(source).write(tmp_path)
    assert source.exists()


def test_names_of_the_library_are_refused(source):
    assert "stream_fifo" in RTL_LIBRARY
    with pytest.raises(HlsError, match=r"steps.cpp:24: `stream_fifo` is .*\[function-name\]"):
        compiled(source, "stream_fifo")


def test_refusals_of_the_front_end_pass_untouched(source):
    source.write_text(SOURCE.replace("in.read() + kStep", "in.read() / 2.5"))
    with pytest.raises(HlsError, match=r"steps.cpp:12: floating point.*\[floating-point\]"):
        compiled(source)
    with pytest.raises(UserError, match="does not exist"):
        compile_source(source.with_name("absent.cpp"), "add_step")


def test_a_module_whose_results_nobody_takes_is_not_there(tmp_path):
    path = tmp_path / "kernel.cpp"
    path.write_text("""
#include <ap_int.h>
#include <hls_stream.h>

void Twice(ap_uint<8> x, ap_uint<8>& twice) {
    #pragma HLS INLINE off
    twice = x + x;
}

void Both(ap_uint<8> x, ap_uint<8>& next, ap_uint<8>& other) {
    #pragma HLS INLINE off
    ap_uint<8> twice;
    Twice(x, twice);
    next = x + 1;
    other = twice;
}

void kernel(hls::stream<ap_uint<8>>& in, hls::stream<ap_uint<8>>& out) {
    while (true) {
        #pragma HLS PIPELINE II=1
        ap_uint<8> next;
        ap_uint<8> other;
        Both(in.read(), next, other);
        out.write(next);
    }
}
""")
    texts = compile_source(path, "kernel", keep=False).texts()
    assert "kernel.sv" in texts and "Both.sv" in texts and "Twice.sv" not in texts
    assert "Twice" not in "".join(texts.values())
