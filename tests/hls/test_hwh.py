"""The generated hardware handoff, as PYNQ's own parser reads it."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import Engine
from m3vit.hls.hwh import INTERRUPTS_ADDRESS, hardware_handoff
from m3vit.hls.registers import REGISTERS
from m3vit.hls.vivado.names import CONTROL_ADDRESS, CONTROL_BYTES, ENGINE_CELL, VLNV

SCRIPT = Path(__file__).parents[2] / "hls/tcl/block_design.tcl"


def parse(text, directory):
    path = directory / "m3vit.hwh"
    path.write_text(text)
    parser = RuntimeMetadataParser(Metadata(input=path))
    parser.refresh_hierarchy_dict()
    return parser


@pytest.mark.parametrize("name", ["nano", "zcu104"])
def test_pynq_finds_the_engine_and_its_registers(name, tmp_path):
    design = DesignConfig.load(name)
    parser = parse(hardware_handoff(design), tmp_path)
    engine = parser.ip_dict[ENGINE_CELL]
    assert engine["type"] == VLNV
    assert (engine["phys_addr"], engine["addr_range"]) == (CONTROL_ADDRESS, CONTROL_BYTES)
    assert engine["parameters"]["DESIGN_ID"] == f"0x{design.design_id:08x}"
    registers = engine["registers"]
    addresses = [offset for register in REGISTERS.values() for offset, *_ in register.words()]
    assert [entry["address_offset"] for entry in registers.values()] == addresses
    assert all(entry["size"] == 32 for entry in registers.values())
    for register in REGISTERS.values():
        wide = register.bits > 32
        entry = registers[f"{register.name}_1" if wide else register.name]
        assert entry["access"] == ("read-only" if register.access == "read" else "read-write")
        assert entry["description"] == register.meaning
    fields = {name: field["bit_offset"] for name, field in registers["CTRL"]["fields"].items()}
    assert fields == {"START": 0, "DONE": 1, "IDLE": 2, "DRAINING": 3}
    clock = parser.clock_dict[0]
    assert clock["enable"] == 1 and clock["frequency"] == pytest.approx(design.clock_mhz)


def test_the_interrupt_goes_by_way_of_a_controller(tmp_path):
    design = DesignConfig.load("nano")
    parser = parse(hardware_handoff(design), tmp_path)
    assert parser.ip_dict["interrupts"]["phys_addr"] == INTERRUPTS_ADDRESS
    assert parser.ip_dict[ENGINE_CELL]["interrupts"]["irq"]["controller"] == "interrupts"
    assert parser.interrupt_controllers["interrupts"]["raw_irq"] == 121
    direct = parse(hardware_handoff(design, interrupt=False), tmp_path)
    assert not direct.ip_dict[ENGINE_CELL]["interrupts"]


@pytest.mark.parametrize("name", ["nano", "zcu104"])
def test_every_master_reaches_memory(name):
    design = DesignConfig.load(name)
    root = ElementTree.fromstring(hardware_handoff(design))
    ranges = root.findall(f".//MODULE[@INSTANCE='{ENGINE_CELL}']/MEMORYMAP/MEMRANGE")
    masters = [entry.get("MASTERBUSINTERFACE") for entry in ranges]
    assert sorted(masters) == sorted(Engine.compile(design).memory_ports())
    assert {entry.get("MEMTYPE") for entry in ranges} == {"MEMORY"}
    system = root.find("SYSTEMINFO")
    assert (system.get("DEVICE"), system.get("PACKAGE")) == ("xczu7ev", "ffvc1156")


def test_cells_are_those_of_the_block_design():
    root = ElementTree.fromstring(hardware_handoff(DesignConfig.load("zcu104")))
    script = SCRIPT.read_text()
    for module in root.iter("MODULE"):
        vendor, library, name, _ = module.get("VLNV").split(":")
        if module.get("INSTANCE") != ENGINE_CELL:
            assert f"-vlnv {vendor}:{library}:{name} {module.get('INSTANCE')}]" in script
