"""Kernels written for one test."""

import pytest

from m3vit.hls.design import DesignConfig
from m3vit.sim.csim import kernels


@pytest.fixture(scope="session")
def nano():
    """The small design."""
    return DesignConfig.load("nano")


@pytest.fixture
def compiled(tmp_path, nano):
    """From the C++ text of a function `sample_top` to a kernel."""

    def build(text, threads=False):
        source = tmp_path / "sample_top.cpp"
        source.write_text('#include <ap_fixed.h>\n#include "m3vit/stream.hpp"\n' + text)
        return kernels.load(source, nano, threads)

    return build
