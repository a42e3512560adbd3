"""Measurements on the RTL, and the table of them."""

import pytest
from rich.console import Console

from m3vit.hls.design import DesignConfig
from m3vit.model import synthetic
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
    console = Console(width=200, record=True)
    console.print(speed_table(DESIGN, {"tiny": found}, worst_error([found])))
    text = console.export_text()
    assert f"{found.cycles:,}" in text
    assert "34.64 ms" in text
    assert "480,000" in text


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
