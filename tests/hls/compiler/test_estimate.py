from pathlib import Path

import pytest

from m3vit.hls.compiler import compile_source, estimate
from m3vit.hls.compiler.estimate import Resources

KERNELS = Path(__file__).parent / "kernels"


@pytest.fixture(scope="module")
def design():
    return compile_source(KERNELS / "look_up.cpp", "look_up")


def test_yosys_finds_the_memories_and_products_of_the_report(design, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "default_root", lambda: tmp_path)
    found = estimate.estimate(design)
    total, reported = found.total, design.report.total()
    assert total.ramb18 in (reported["ramb18"], 2 * reported["ramb18"])  # it may take a whole one
    assert total.dsp == reported["dsp"]
    assert 0 < total.ff < 3 * reported["registers"]
    assert 0 < total.memory_lut < total.lut < 1000
    about = found.as_dict()
    assert about["provenance"] == "estimated by yosys; not placed, not routed"
    assert about["tool"].startswith("yosys 0.")
    # The second time it comes from the cache.
    monkeypatch.setattr(estimate, "_map", lambda *arguments: pytest.fail("mapped again"))
    assert estimate.estimate(design) == found


CELLS = {
    "top": {"leaf": 2, "LUT3": 5, "FDRE": 7, "CARRY4": 1, "BUFG": 1},
    "leaf": {"LUT6": 1, "FDSE": 2, "DSP48E2": 1, "RAM32M16": 3, "SRL16E": 4, "inner": 1},
    "inner": {"RAMB36E2": 1, "RAMB18E2": 1, "URAM288": 2, "RAM64M8": 1},
}


def test_cells_of_everything_inside_are_added():
    inner = Resources(memory_lut=8, ramb18=3, uram=2)
    leaf = Resources(lut=1, memory_lut=28, ff=2, dsp=1) + inner
    assert estimate._resources("inner", CELLS) == inner
    assert estimate._resources("leaf", CELLS) == leaf
    assert estimate._resources("top", CELLS) == leaf.times(2) + Resources(lut=5, ff=7)


def test_a_cell_that_nobody_counts_is_a_fault():
    with pytest.raises(RuntimeError, match="cell DSP99 in top"):
        estimate._resources("top", {"top": {"DSP99": 1}})
