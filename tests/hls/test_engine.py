import dataclasses
from pathlib import Path

import pytest

from m3vit.hls.compiler import compile_source
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import TOP, Engine
from m3vit.hls.kernels import include_directories
from m3vit.sim.rtl import verilator

STAND_IN = Path(__file__).parents[1] / "sim" / "engine" / "engine_top.cpp"
"""A core that only copies memory."""


@pytest.fixture(params=["nano", "zcu104"])
def engine(request):
    design = DesignConfig.load(request.param)
    core = compile_source(STAND_IN, "engine_top", include=include_directories(design))
    return Engine(design, core)


def test_verilator_has_nothing_to_say(engine, tmp_path):
    files = engine.write(tmp_path / "engine")
    said = verilator.lint(files, TOP)
    # The core that only copies leaves most of an instruction aside.
    assert [entry for entry in said if "'first'" not in entry] == []


def test_ports_are_named_as_axi_interfaces(engine):
    masters = engine.memory_ports()
    assert len(masters) == 2 + engine.design.read_ports
    names = [name for name, _, _ in engine.ports()]
    assert len(names) == len(set(names))
    assert {name.rpartition("_")[0] for name in names} == {
        "s_axi_control",
        *masters,
        "ap",
        "ap_rst",
        "",
    }
    text = engine.texts()[f"{TOP}.v"]
    assert f"ASSOCIATED_BUSIF s_axi_control:{':'.join(masters)}, ASSOCIATED_RESET ap_rst_n" in text
    assert f"32'h{engine.design.design_id:08x}" in text


def test_a_core_with_other_streams_is_refused(engine):
    streams = [item for item in engine.core.streams if item.name != "ending"]
    interface = dataclasses.replace(engine.core.interface, streams=tuple(streams))
    with pytest.raises(ValueError, match="ending"):
        Engine(engine.design, dataclasses.replace(engine.core, interface=interface))
