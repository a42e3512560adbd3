"""The headers for synthesis: what they compute, and that they are made for one hls4ml only."""

import subprocess
from pathlib import Path

import pytest

from m3vit.errors import UserError
from m3vit.hls.compiler import toolchain, vendor_headers

PROGRAM = Path(__file__).parent / "arithmetic.cpp"


def run(compiler, arguments, executable):
    subprocess.run([compiler, *arguments, str(PROGRAM), "-w", "-o", str(executable)], check=True)
    return subprocess.run([executable], check=True, capture_output=True, text=True).stdout


def test_arithmetic_is_that_of_the_c_simulation(tmp_path):
    """Every operator on random operands and extremes, against gcc and the pristine headers."""
    pristine = run(
        "g++",
        ["-std=c++17", "-isystem", str(vendor_headers.vendor_directory())],
        tmp_path / "pristine",
    )
    synthesis = run(
        str(toolchain.find().clang),
        [
            *("--driver-mode=g++", "--target=x86_64-linux-gnu", "-std=c++17", "-nostdlib++"),
            *("-fwrapv", "-fno-exceptions", "-D__SYNTHESIS__", "-include", "ap_root.h"),
            *("-isystem", str(vendor_headers.synthesis_headers())),
        ],
        tmp_path / "synthesis",
    )
    assert len(pristine.split()) > 3000
    assert synthesis.splitlines() == pristine.splitlines()


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("M3VIT_DATA", str(tmp_path / "data"))
    vendor_headers.synthesis_headers.cache_clear()
    yield tmp_path
    vendor_headers.synthesis_headers.cache_clear()


def test_headers_are_made_once(fresh_cache):
    first = vendor_headers.synthesis_headers()
    assert {"ap_int.h", "ap_fixed.h", "hls_stream.h", "ap_root.h"} <= {
        path.name for path in first.iterdir()
    }
    before = (first / "ap_int_base.h").stat().st_mtime_ns
    vendor_headers.synthesis_headers.cache_clear()
    second = vendor_headers.synthesis_headers()
    assert second == first and (second / "ap_int_base.h").stat().st_mtime_ns == before


def test_other_vendor_headers_are_refused(fresh_cache, monkeypatch):
    other = fresh_cache / "ap_types"
    other.mkdir()
    for path in vendor_headers.vendor_directory().glob("ap_*.h"):
        text = path.read_text()
        (other / path.name).write_text(text.replace("Base::V == op2.V", "Base::V==op2.V"))
    monkeypatch.setattr(vendor_headers, "vendor_directory", lambda: other)
    with pytest.raises(UserError, match=r"ap_int_base\.h of the installed hls4ml"):
        vendor_headers.synthesis_headers()


def test_missing_hls4ml(monkeypatch):
    monkeypatch.setattr(vendor_headers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install hls4ml"):
        vendor_headers.vendor_directory()
