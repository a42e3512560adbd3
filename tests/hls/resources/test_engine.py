import re

import pytest

from m3vit.hls.compiler.report import DesignReport, ModuleReport
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import TOP
from m3vit.hls.kernels import source_of
from m3vit.hls.resources.cells import Resources
from m3vit.hls.resources.engine import QUEUES, WIRING, EngineEstimate, unit_of
from m3vit.hls.resources.synthesis import Estimate, Part

ARRAY, DOT, QUEUE = Part("MatmulArray"), Part("DotProduct"), Part("stream_fifo", ".WIDTH(8)")
READER, CORE = Part("axi_reader", ".PORTS(4)"), Part("engine_top")
INSIDE = {
    Part(TOP): {CORE: 1, READER: 2},
    CORE: {ARRAY: 1, QUEUE: 3, Part("Requantise"): 1, Part("Requantise_2"): 1},
    ARRAY: {DOT: 32, QUEUE: 1},
    **{part: {} for part in (DOT, QUEUE, READER, Part("Requantise"), Part("Requantise_2"))},
}
OWN = {
    Part(TOP): Resources(lut=7),
    CORE: Resources(lut=1),
    ARRAY: Resources(ff=100),
    DOT: Resources(dsp=32),
    QUEUE: Resources(memory_lut=8, ramb18=1),
    READER: Resources(ff=20),
    Part("Requantise"): Resources(dsp=16),
    Part("Requantise_2"): Resources(dsp=17),
}


@pytest.fixture
def result():
    modules = (
        ModuleReport("MatmulArray", "process", slowest_ns=2.4, slowest_at="matmul_array.hpp:7"),
        ModuleReport("Requantise", "process", slowest_ns=2.3),
        ModuleReport("Route", "process", slowest_ns=2.9),
        ModuleReport("engine_top", "network"),
    )
    report = DesignReport("engine_top.cpp", "engine_top", 1000 / 300, 2.5, {}, modules)
    mapped = Estimate(TOP, OWN, INSIDE, "yosys 0")
    return EngineEstimate(DesignConfig.load("zcu104"), mapped, report)


def test_units_add_up(result):
    units = result.units()
    assert units["matmul array"] == Resources(ff=100, dsp=1024, memory_lut=8, ramb18=1)
    assert units["requantisation, GELU"] == Resources(dsp=33)
    assert units["AXI, registers"] == Resources(ff=40)
    assert units[QUEUES] == Resources(memory_lut=24, ramb18=3)
    assert units[WIRING] == Resources(lut=8)
    total = Resources()
    for used in units.values():
        total += used
    assert total == result.total
    assert result.array_dsp() == 1024


def test_a_margin_that_is_not_kept_is_named(result):
    assert result.exceeded() == {}
    with_more = {**OWN, DOT: Resources(dsp=49)}
    larger = Estimate(TOP, with_more, INSIDE, "yosys 0")
    exceeded = EngineEstimate(result.design, larger, result.report).exceeded()
    assert exceeded == {"dsp": pytest.approx((49 * 32 + 33) / 1728)}


def test_long_stages_are_listed_longest_first(result):
    assert result.long_stages() == [
        ("Route", 2.9, ""),
        ("MatmulArray", 2.4, "matmul_array.hpp:7"),
    ]
    about = result.as_dict()
    assert about["stage_limit_ns"] == pytest.approx(0.7 * 3.333, abs=0.001)
    assert [stage["module"] for stage in about["long_stages"]] == ["Route", "MatmulArray"]


def test_every_process_of_the_engine_belongs_to_a_unit():
    processes = re.findall(r"M3VIT_PROCESS\(\s*(\w+)", source_of("engine").read_text())
    assert len(processes) > 30
    assert all(unit_of(process) for process in processes)
    with pytest.raises(RuntimeError, match="module Unknown of the engine"):
        unit_of("Unknown")
