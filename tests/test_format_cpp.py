"""`.ci/format_cpp.py`: clang-format that leaves HLS pragmas at the indent of their code."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "format_cpp.py"

UGLY = """\
void scale(int  x[16]) {
#pragma HLS INLINE off

element:
for (int i = 0;i < 16;++i) {
#pragma HLS PIPELINE II=1
x[i] = 3*x[i];
}
}
"""
NEAT = """\
void scale(int x[16]) {
    #pragma HLS INLINE off

element:
    for (int i = 0; i < 16; ++i) {
        #pragma HLS PIPELINE II=1
        x[i] = 3 * x[i];
    }
}
"""


@pytest.fixture
def kernel(tmp_path):
    style = SCRIPT.parents[1] / ".clang-format"
    (tmp_path / ".clang-format").write_text(style.read_text())
    return tmp_path / "scale.hpp"


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_pragmas_stay_with_their_code(kernel):
    kernel.write_text(UGLY)
    assert run(kernel).returncode == 0
    assert kernel.read_text() == NEAT
    assert run(kernel).returncode == 0
    assert kernel.read_text() == NEAT


def test_check_changes_nothing_and_fails_on_a_difference(kernel):
    kernel.write_text(UGLY)
    result = run("--check", kernel)
    assert result.returncode == 1
    assert "scale.hpp: not formatted" in result.stderr
    assert kernel.read_text() == UGLY
    kernel.write_text(NEAT)
    assert run("--check", kernel).returncode == 0
