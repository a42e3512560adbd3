"""Ports against AXI4, and a component.xml against ports; the file is made up like Vivado's."""

import dataclasses
from xml.etree import ElementTree

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.engine import Engine
from m3vit.hls.rehearsal.rehearse import stand_in_engine
from m3vit.hls.vitis.core import read_ports
from m3vit.hls.vivado.interface import check_component, faults, register_words
from m3vit.hls.vivado.names import VLNV

SPACE = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"


@pytest.mark.parametrize("name", design_names())
def test_the_ports_of_the_verilog_are_axi(name):
    engine = stand_in_engine(DesignConfig.load(name))
    assert list(faults(engine.ports())) == []
    declared = read_ports(engine.texts()["m3vit_engine.v"], "m3vit_engine")
    assert declared == {name: (way, width) for name, way, width in engine.ports()}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"m_axi_data_awlen": None}, "m_axi_data lacks awlen"),
        ({"m_axi_program_arid": ("output", 4)}, "m_axi_program has an unknown arid"),
        ({"m_axi_weights2_rready": ("input", 1)}, "m_axi_weights2_rready is an input of 1 bits"),
        ({"m_axi_data_arlen": ("output", 4)}, "m_axi_data_arlen is an output of 4 bits"),
        ({"m_axi_data_wstrb": ("output", 8)}, "m_axi_data_wstrb has not a bit for every byte"),
        ({"s_axi_control_bready": ("output", 1)}, "s_axi_control_bready is an output of 1 bits"),
        ({"debug_bus_data": ("output", 32)}, "data of debug_bus belong to no interface"),
        ({"irq": None}, "there is no irq"),
    ],
)
def test_other_ports_are_found(change, fault):
    engine = stand_in_engine(DesignConfig.load("zcu104"))
    ports = {name: (way, width) for name, way, width in engine.ports()}
    ports = {name: port for name, port in {**ports, **change}.items() if port is not None}
    assert list(faults((name, *port) for name, port in ports.items())) == [fault]


def component(engine, changed=lambda text: text):
    """A component.xml as IP-XACT has it, of an engine."""
    lines = [f'<spirit:component xmlns:spirit="{SPACE}">']
    for tag, word in zip(("vendor", "library", "name", "version"), VLNV.split(":"), strict=True):
        lines.append(f"<spirit:{tag}>{word}</spirit:{tag}>")
    buses = {}
    for name, _, _ in engine.ports():
        single = {"ap_clk": "CLK", "ap_rst_n": "RST", "irq": "INTERRUPT"}
        bus, _, signal = (name, "", single[name]) if name in single else name.rpartition("_")
        buses.setdefault(bus, {})[signal.upper()] = name
    for bus, signals in buses.items():
        lines.append(f"<spirit:busInterface><spirit:name>{bus}</spirit:name>")
        for logical, physical in signals.items():
            lines.append(
                f"<spirit:portMap><spirit:logicalPort><spirit:name>{logical}</spirit:name>"
                f"</spirit:logicalPort><spirit:physicalPort><spirit:name>{physical}</spirit:name>"
                "</spirit:physicalPort></spirit:portMap>"
            )
        lines.append("</spirit:busInterface>")
    for name, address, *_ in register_words():
        lines.append(
            f"<spirit:register><spirit:name>{name}</spirit:name>"
            f"<spirit:addressOffset>0x{address:X}</spirit:addressOffset></spirit:register>"
        )
    return changed("\n".join([*lines, "</spirit:component>"]))


@pytest.fixture
def engine():
    return stand_in_engine(DesignConfig.load("nano"))


def test_what_vivado_packaged_is_the_engine(engine, tmp_path):
    path = tmp_path / "component.xml"
    path.write_text(component(engine))
    ElementTree.parse(path)
    check_component(path, engine)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (">m3vit_engine<", ">engine<", "it is called m3vit:engine:engine:1.0"),
        (">irq<", ">interrupt<", "no interface irq"),
        (">WSTRB<", ">WDATA<", "other ports of m_axi_data: m_axi_data_wstrb"),
        (">CTRL<", ">CONTROL<", "unknown register CONTROL; no register CTRL"),
        (">0x10<", ">0x14<", "register ARENA_1 is at 0x14"),
    ],
)
def test_anything_else_is_refused(old, new, fault, engine, tmp_path):
    path = tmp_path / "component.xml"
    text = component(engine)
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=fault):
        check_component(path, engine)


def test_another_number_of_ports_is_refused(engine, tmp_path):
    path = tmp_path / "component.xml"
    path.write_text(component(engine))
    wider = stand_in_engine(dataclasses.replace(engine.design, read_ports=2))
    assert isinstance(wider, Engine)
    with pytest.raises(UserError, match="no interface m_axi_weights1"):
        check_component(path, wider)


@pytest.mark.parametrize("text", [None, "", "<component>"])
def test_a_file_that_is_no_component_is_refused(text, engine, tmp_path):
    path = tmp_path / "component.xml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match="is no packaged IP"):
        check_component(path, engine)
