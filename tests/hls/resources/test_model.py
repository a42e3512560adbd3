from dataclasses import replace

import pytest

from m3vit.hls.design import DesignConfig
from m3vit.hls.resources.cells import Resources
from m3vit.hls.resources.model import block_ram, model, queue, ultra_ram, units

YOSYS = {
    "nano": Resources(lut=32_405, memory_lut=14_400, ff=42_362, dsp=121, ramb18=78, uram=18),
    "zcu104": Resources(lut=116_203, memory_lut=46_154, ff=234_482, dsp=1_245, ramb18=395, uram=85),
}


@pytest.mark.parametrize("name", YOSYS)
def test_the_shipped_designs_are_as_yosys_maps_them(name):
    assert model(DesignConfig.load(name)) == YOSYS[name]


# Single memories, as yosys 0.70 maps `ram_sdp`.
@pytest.mark.parametrize(
    ("width", "depth", "blocks"),
    [(4096, 4096, 57), (128, 12288, 6), (288, 8192, 8), (32, 65536, 8), (1024, 8192, 29)],
)
def test_ultra_ram(width, depth, blocks):
    assert ultra_ram(width, depth) == Resources(uram=blocks)


@pytest.mark.parametrize(
    ("width", "depth", "halves"), [(768, 512, 22), (128, 1024, 8), (8, 8192, 4), (28, 10752, 21)]
)
def test_block_ram(width, depth, halves):
    assert block_ram(width, depth) == Resources(ramb18=halves)


def test_short_or_small_queues_have_no_blocks():
    assert queue(4096, 64) == queue(36, 113) == Resources()
    assert queue(36, 114) == Resources(ramb18=1)


def test_larger_arrays_take_more():
    zcu104 = DesignConfig.load("zcu104")
    wider = replace(zcu104, array_tokens=6)
    assert units(wider)["matmul array"].dsp == 1536
    assert model(wider).dsp == YOSYS["zcu104"].dsp + 512
    assert model(wider).ff > YOSYS["zcu104"].ff
    assert model(replace(zcu104, key_value_tiles=1024)).ramb18 > 1.5 * YOSYS["zcu104"].ramb18
    assert model(replace(zcu104, weight_tiles=8192)).uram == YOSYS["zcu104"].uram + 57


def test_a_ring_deeper_than_a_block_takes_more_logic():
    sizes = {"array_inputs": 16, "array_outputs": 8, "lanes": 8, "panel_lanes": 16}
    flat = replace(DesignConfig.load("zcu104"), **sizes, read_ports=2)
    deep = replace(flat, weight_tiles=8192)  # words of 1,024 bits from one of two blocks
    assert units(deep)["weights"].lut - units(flat)["weights"].lut == 1024
