import json

import pytest

from m3vit.hls.kernels import kernel_names

SOURCE = """
#include <ap_int.h>
#include <hls_stream.h>
#ifndef FACTOR
#define FACTOR 5
#endif
void multiply(hls::stream<ap_int<18>>& in, hls::stream<ap_int<36>>& out) {
    #pragma HLS INTERFACE mode=ap_ctrl_none port=return
    ap_int<18> previous = FACTOR;
    while (true) {
        #pragma HLS PIPELINE II=1
        const ap_int<18> number = in.read();
        out.write(number * previous);
        previous = number;
    }
}
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "multiply.cpp"
    path.write_text(SOURCE)
    return path


def test_a_kernel_becomes_a_directory_of_systemverilog(m3vit, source, tmp_path):
    target = tmp_path / "rtl"
    result = m3vit("hls", "compile", source, "-o", target, "--clock", "4", "-D", "FACTOR=7")
    names = sorted(path.name for path in target.iterdir())
    assert names == ["multiply.sv", "ram_sdp.sv", "report.json", "stream_fifo.sv"]
    report = json.loads((target / "report.json").read_text())
    assert (report["clock_ns"], report["total"]["dsp"]) == (4.0, 1)
    assert "modules multiply" in result.stdout
    assert "<= 18'd7;" in (target / "multiply.sv").read_text()


def test_the_report_is_a_table_and_a_file(m3vit, source, tmp_path):
    result = m3vit("hls", "report", source, "--top", "multiply", "--json", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["clock_ns"] == pytest.approx(1000 / 300)
    for words in ("nothing was placed or routed", "multiply", "multiply.cpp:", "1 DSP blocks"):
        assert words in result.stdout


def test_the_table_fits_a_terminal(m3vit, source):
    narrow = m3vit("hls", "report", source).stdout.splitlines()
    wide = m3vit("hls", "report", source, "--wide").stdout.splitlines()
    row = next(line for line in narrow if line.startswith("multiply "))
    assert len(row) <= 80
    assert max(len(line) for line in wide) > len(row)
    assert any("queue bits" in line for line in wide)


def test_shipped_kernels_have_names(m3vit):
    assert "add_residual" in kernel_names()
    result = m3vit("hls", "report", "add_residual", "--design", "nano")
    assert "add_residual_top" in result.stdout


def test_estimates_say_what_they_are(m3vit, source, tmp_path):
    result = m3vit("hls", "estimate", source, "--json", tmp_path / "e.json")
    estimate = json.loads((tmp_path / "e.json").read_text())
    assert estimate["total"]["dsp"] == 1
    assert "estimated by yosys; not placed, not routed" in result.stdout
    assert "XCZU7EV" in result.stdout


def test_mistakes_are_one_line(refused, source, tmp_path, monkeypatch):
    assert "neither a file nor a kernel" in refused("hls", "report", "absent")
    assert "'=3' is no macro" in refused("hls", "report", source, "-D", "=3")
    assert "[top]" in refused("hls", "report", source, "--top", "other")
    assert "no design" in refused("hls", "report", source, "--design", "huge")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "C synthesis needs Vitis" in refused("hls", "csynth", "requantise", "-o", tmp_path / "v")


def test_a_refusal_names_line_and_rule(refused, source):
    source.write_text(SOURCE.replace("in.read();", "in.read() + in.read();"))
    line = refused("hls", "compile", source, "-o", source.parent / "rtl")
    assert "multiply.cpp:12: " in line
    assert line.endswith("]")
    assert not (source.parent / "rtl").exists()
