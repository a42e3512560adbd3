from pathlib import Path

import pytest

from m3vit.hls.compiler import compile_source, report
from m3vit.hls.compiler.ir import Channel, Field, Instance, Location, Network, Payload
from m3vit.hls.compiler.statistics import MemoryUse, Multiplier, RegionStatistics, Statistics

PLACE = Location("hls/a.hpp", 7)


def memory(kind, width, depth, banks=1, copies=1):
    return MemoryUse("words", kind, width, depth, banks, copies, PLACE)


def module(name="leaf", **changes):
    numbers = {
        "regions": (RegionStatistics("row", True, 2, 9, PLACE),),
        "latency": 8,
        "register_bits": 100,
        "multipliers": (Multiplier((27, 18), 1, 2, PLACE), Multiplier((40, 18), 2, 3, PLACE)),
        "memories": (),
        **changes,
    }
    return report.of_module(name, "process", Statistics(**numbers), {"out": 12})


SHAPES = [(36, 512, 1), (37, 512, 2), (36, 513, 2), (9, 2048, 1), (8, 4096, 2), (1, 16384, 1)]


@pytest.mark.parametrize(("width", "depth", "blocks"), SHAPES)
def test_block_rams_are_counted_in_halves(width, depth, blocks):
    assert module(memories=(memory("bram", width, depth),)).blocks("bram") == blocks


def test_memories_are_counted_by_kind():
    one = module(
        memories=(
            memory("bram", 36, 512, banks=4, copies=2),
            memory("uram", 73, 4097),
            memory("lutram", 10, 32, banks=3),
            memory("rom", 8, 256),
        )
    )
    assert [part.blocks for part in one.memories] == [8, 4, 0, 0]
    assert (one.bits("lutram"), one.bits("rom")) == (960, 2048)


def test_a_module_tells_its_loops_and_products():
    one = module(queues={"out": 16}, enable_fan_out=33, slowest_ns=2.34567, slowest_location=PLACE)
    assert one.loops == (report.Loop("row", 2, 9, "hls/a.hpp:7"),)
    assert (one.interval, one.latency, one.registers) == (2, 8, 100)
    assert (one.multipliers, one.dsp) == (2, 3)
    assert one.queues == {"out": (12, 16)}
    assert (one.slowest_ns, one.slowest_at) == (2.346, "hls/a.hpp:7")


def test_totals_count_every_instance():
    leaf = module(memories=(memory("lutram", 8, 16),), enable_fan_out=5, slowest_ns=1.0)
    middle = module("middle", instances={"leaf": 3}, enable_fan_out=9, slowest_ns=3.0)
    payload = Payload("bool", 8, 1, (Field("", 0, 8, 1, False, 0),))
    network = Network(
        "top",
        [],
        [Channel("link", payload, 4)],
        [Instance("a", "middle", {}), Instance("b", "middle", {}), Instance("c", "leaf", {})],
    )
    top = report.of_network(network, {"link": (1, 4)})
    design = report.DesignReport("x.cpp", "top", 3.333, 2.333, {}, (leaf, middle, top))
    assert design.counts() == {"top": 1, "middle": 2, "leaf": 7}
    total = design.total()
    assert (total["registers"], total["dsp"], total["multipliers"]) == (900, 27, 18)
    assert total["lutram_bits"] == 7 * 128
    assert total["queue_bits"] == 4
    assert total["enable_fan_out"] == 9
    assert design.slowest is middle


def test_a_real_design_reports_where_its_numbers_come_from():
    source = Path(__file__).parent / "kernels" / "dot_product.cpp"
    about = compile_source(source, "dot_product").report.as_dict()
    assert about["provenance"].startswith("estimated by the compiler before synthesis")
    assert set(about["tools"]) >= {"m3vit", "llvm", "hls4ml"}
    assert about["total"]["dsp"] == 16
    process = about["modules"][-1]
    assert (process["kind"], process["interval"]) == ("process", 1)
    assert sum(process["instances"].values()) > 1
    assert about["slowest_ns"] > 0
