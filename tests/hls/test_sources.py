"""All kernels in the C++ that Vitis takes: C++17, without a warning."""

import subprocess

import pytest

from m3vit.hls.compiler.vendor_headers import vendor_directory
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.kernels import HLS, include_directories, kernel_names, source_of


@pytest.mark.parametrize("design", design_names())
def test_no_warnings(design):
    includes = [HLS / "csim", *include_directories(DesignConfig.load(design))]
    done = subprocess.run(
        [
            *("g++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-"),
            *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-unused-label"),
            *(f"-I{path}" for path in includes),
            *("-isystem", str(vendor_directory())),
        ],
        input="".join(f'#include "{source_of(kernel)}"\n' for kernel in kernel_names()),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
