"""Measurements on the RTL, and the table of them."""

from dataclasses import replace

import pytest
from rich.console import Console

from m3vit.hls.design import DesignConfig
from m3vit.hls.resources.cells import Resources
from m3vit.model import synthetic
from m3vit.sim.benchmark.__main__ import resources_of
from m3vit.sim.benchmark.ablation import measure, table
from m3vit.sim.benchmark.measure import Bench, Measurement, noise, worst_error
from m3vit.sim.benchmark.table import speed_table
from m3vit.sim.benchmark.techniques import TECHNIQUES

DESIGN = DesignConfig.load("nano")


@pytest.fixture(scope="module")
def found() -> Measurement:
    model = synthetic.random_model()
    return Bench(DESIGN).measure("toy", model, noise(model))


def test_a_network_is_measured(found: Measurement) -> None:
    assert found.equal
    assert found.task_switch_cycles == 0
    assert abs(found.error) < 0.05
    numbers = found.as_dict()
    assert numbers["macs_per_cycle"] == found.macs / found.cycles
    peak = DESIGN.array_tokens * DESIGN.array_inputs * DESIGN.array_outputs
    assert 0 < found.macs / found.cycles < peak
    assert found.ddr_bytes == found.estimate.ddr_bytes


def test_the_table_has_every_number(found: Measurement) -> None:
    console = Console(width=100, record=True)
    once = replace(found, settled_cycles=None, settled_ddr_bytes=None, task_switch_cycles=None)
    networks = {"tiny": found, "small": replace(once, tiles=5)}
    console.print(speed_table(DESIGN, networks, worst_error([found])))
    text = console.export_text()
    for number in (found.cycles, found.settled_cycles, found.ddr_bytes):
        assert f"{number:,}" in text
    for cited in ("34.64 ms [1]", "6.47 ms [2]", "75 [3]", "69 ms [4]", "[4] M³ViT's own estimate"):
        assert cited in text
    assert "480,000" in text
    assert "small, 5 tiles" in text


def test_cells_have_the_names_of_the_json() -> None:
    found = resources_of(Resources(lut=5, memory_lut=2, ff=3, dsp=4, ramb18=9, uram=6))
    assert found == {"dsp": 4, "bram36": 5, "uram": 6, "lut": 7, "ff": 3}


def test_a_technique_is_worth_cycles() -> None:
    model = synthetic.random_model()
    whole, variant = measure(model, DESIGN, noise(model), TECHNIQUES[1:2])
    assert whole.equal
    assert variant.equal
    assert variant.cycles > whole.cycles
    assert variant.key_value_bytes > 1.9 * whole.key_value_bytes
    console = Console(width=200, record=True)
    console.print(table([whole, variant]))
    assert f"{variant.cycles:,}" in console.export_text()
