"""The build scripts against stand-ins of the tools, and faults planted in them."""

import re
import sys
from xml.etree import ElementTree

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig, design_names
from m3vit.hls.hwh import hardware_handoff
from m3vit.hls.kernels import kernel_names
from m3vit.hls.rehearsal import rehearse
from m3vit.hls.rehearsal.block_design import Integrator
from m3vit.hls.rehearsal.interpreter import run
from m3vit.hls.rehearsal.packaging import Packager
from m3vit.hls.rehearsal.rehearse import stand_in_engine
from m3vit.hls.rehearsal.synthesis import VitisHls, source_faults
from m3vit.hls.vitis import core
from m3vit.hls.vivado import bitstream, package
from m3vit.hls.vivado.settings import write_settings

DESIGN = DesignConfig.load("zcu104")


@pytest.mark.parametrize("name", design_names())
def test_every_script_plays_to_its_end(name):
    findings = list(rehearse(DesignConfig.load(name)))
    assert [finding for finding in findings if finding.fault] == []
    assert len(findings) == len(kernel_names()) + 4
    assert all(finding.commands for finding in findings if ".tcl" in finding.step)


class Scene:
    """One script with one fault: text of the script, or of what it is told, replaced."""

    def __init__(self, directory):
        self.directory = directory
        self.engine = stand_in_engine(DESIGN)

    def play(self, tool, script, settings, old=None, new=""):
        for path in script.parent.glob("*.tcl"):
            text = path.read_text()
            if path == script and old is not None:
                assert old in text
                text = text.replace(old, new)
            (self.directory / path.name).write_text(text)
        told = self.directory / "settings"
        write_settings(told, settings)
        return run(tool, self.directory / script.name, told)

    def synthesis(self, **changed):
        settings = core.core_settings(DESIGN, self.directory)
        return lambda old=None, new="": self.play(
            VitisHls(), core.SCRIPT, {**settings, **changed}, old, new
        )

    def packaging(self, **changed):
        files = self.engine.write(self.directory / "rtl")
        settings = package.ip_settings(self.engine, files, self.directory, self.directory / "ip")
        return lambda old=None, new="": self.play(
            Packager(self.engine), package.SCRIPT, {**settings, **changed}, old, new
        )

    def design(self, tool=None, **changed):
        return self.implementation(tool, bitstream.SCRIPT.with_name("block_design.tcl"), **changed)

    def implementation(self, tool=None, script=bitstream.SCRIPT, **changed):
        packaged = package.PackagedEngine(DESIGN, "open", self.directory)
        output = self.directory / "out"
        settings = bitstream.bitstream_settings(packaged, self.directory, output, jobs=1)
        return lambda old=None, new="": self.play(
            tool or Integrator(self.engine), script, {**settings, **changed}, old, new
        )


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"source": "missing_top.cpp"}, r"there is no missing_top\.cpp"),
        ({"top": "engine"}, "no function engine with streams"),
        ({"include": ["nowhere"]}, r"nowhere holds no m3vit/\*\.hpp"),
        ({"streams": ["program", "weights"]}, "engine_top has no stream weights"),
        ({"streams": ["program"]}, "fields of weight_requests, .* may have gaps"),
    ],
)
def test_synthesis_is_refused_for(changed, fault, scene):
    assert scene.synthesis()() is None
    assert re.search(fault, scene.synthesis(**changed)() or "no fault")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("csynth_design\n", "", "nothing has been synthesised"),
        ("csynth_design\n", "csynth\n", 'invalid command name "csynth"'),
        ("-compact bit", "-compact bits", "bits is no such way"),
        ("-format ip_catalog", "-format xo", "IP in Verilog is wanted"),
    ],
)
def test_a_wrong_synthesis_script_is_found(old, new, fault, scene):
    assert fault in scene.synthesis()(old, new)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"part": "xc7z020clg400-1"}, "the design is for xczu7ev"),
        ({"files": ["m3vit_engine.v"]}, r"there is no m3vit_engine\.v"),
        ({"top": "engine"}, "the top module is not m3vit_engine"),
        ({"masters": [("m_axi_weight0", ())]}, "no interface m_axi_weight0"),
        ({"masters": []}, "without a clock: m_axi_data, m_axi_program, m_axi_weights0"),
        ({"registers": []}, "register CTRL is missing"),
        ({"control": "s_axi_ctrl"}, "no interface s_axi_ctrl"),
    ],
)
def test_packaging_is_refused_for(changed, fault, scene):
    assert re.search(fault, scene.packaging(**changed)() or "no fault")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("set_property address_offset $address", "set_property address $address", "no property"),
        (
            "set_property bit_width $bits",
            "set_property bit_width 7",
            "the fields of CTRL have not 4 bits",
        ),
        ("ipx::save_core $core\n", "", "has not been saved"),
        ("-clock ap_clk", "-clock clk", "no clock clk"),
        ("{ap_clk ap_rst_n irq}", "{ap_clk interrupt}", "not recognised the ports of interrupt"),
    ],
)
def test_a_wrong_packaging_script_is_found(old, new, fault, scene):
    assert scene.packaging()() is None
    assert fault in scene.packaging()(old, new)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("saxihp2_fpd_aclk", "saxihp1_fpd_aclk", "saxihp1_fpd_aclk is driven already"),
        ("SAXIGP4/HP2_DDR_LOW", "SAXIGP4/HP3_DDR_LOW", "no segment ps/SAXIGP4/HP3_DDR_LOW"),
        ("S_AXI_HP0_FPD) {", "S_AXI_HP9_FPD) {", "S_AXI_HP0_FPD"),
        ("    CONFIG.PSU__USE__M_AXI_GP1 0 \\\n", "", "ps/maxihpm1_fpd_aclk is not connected"),
        ("CONFIG.PSU__USE__IRQ0 1", "CONFIG.PSU__USE__IRQ 1", "no parameter PSU__USE__IRQ"),
        ("connect_reset $name/aresetn\n", "", "aresetn is not connected"),
        ("$engine/irq]", "$engine/interrupt]", "no pin engine/interrupt"),
        ("connect_reset $engine/ap_rst_n", "connect_clock $engine/ap_rst", "no pin engine/ap_rst"),
        ("$name/S00_AXI", "$name/S01_AXI", "no interface control/S01_AXI"),
        ("ps/pl_resetn0]", "ps/pl_ps_irq0]", "ps/pl_ps_irq0 is no output"),
    ],
)
def test_a_wrong_block_design_is_found(old, new, fault, scene):
    assert scene.design()() is None
    assert fault in scene.design()(old, new)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"address": "0x80000000"}, "0x80000000 is not behind M_AXI_HPM0_FPD"),
        ({"interrupts_address": "0xA0000000"}, "0xa0000000 is taken"),
        ({"vlnv": "m3vit:engine:m3vit:1.0"}, "the catalogue has no m3vit:engine:m3vit:1.0"),
        ({"memory": [("m_axi_data", "S_AXI_HPC0_FPD")]}, "engine/m_axi_program is not connected"),
        ({"ip": "nowhere"}, "there is no nowhere"),
    ],
)
def test_a_block_design_is_refused_for(changed, fault, scene):
    assert re.search(fault, scene.design(**changed)() or "no fault")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("synth_checkpoint_mode None", "checkpoint None", "there is no 'block design' with check"),
        ("_wrapper [current_fileset]", " [current_fileset]", "not the design's wrapper"),
        ("-to_step write_bitstream", "-to_step route_design", "no bitstream would be written"),
        ("[get_runs synth_1]", "[get_runs synthesis]", "no run synthesis"),
        (".bd]", ".xci]", "no file m3vit.xci"),
        ("[file join $settings(output) $settings(name).hwh]", "m3vit.hwh", "not in the output"),
    ],
)
def test_a_wrong_implementation_is_found(old, new, fault, scene):
    assert scene.implementation()() is None
    assert fault in scene.implementation()(old, new)


def test_the_implementation_writes_what_the_manifest_needs(scene):
    tool = Integrator(scene.engine)
    assert scene.implementation(tool)() is None
    names = {"m3vit.bit", "m3vit.hwh", "timing.rpt", "utilisation.rpt"}
    assert names <= set(tool.written())


def test_the_block_design_is_what_our_own_handoff_says(scene):
    tool = Integrator(scene.engine)
    assert scene.design(tool)() is None
    root = ElementTree.fromstring(hardware_handoff(DESIGN).encode())
    modules = {module.get("INSTANCE"): module for module in root.iter("MODULE")}
    assert modules.keys() <= tool.cells.keys()
    for name, module in modules.items():
        kind = module.get("VLNV").rpartition(":")[0]
        assert tool.cells[name].vlnv in (kind, module.get("VLNV"))
        for bus in module.iter("BUSINTERFACE"):
            assert bus.get("NAME") in tool.cells[name].interfaces(scene.engine)
    places = {place.get("INSTANCE"): place for place in modules["ps"].iter("MEMRANGE")}
    segments = {"engine": "engine/s_axi_control/reg0", "interrupts": "interrupts/S_AXI/Reg"}
    assert {name: int(place.get("BASEVALUE"), 16) for name, place in places.items()} == {
        name: int(tool.addresses[segment], 16) for name, segment in segments.items()
    }
    masters = {
        place.get("MASTERBUSINTERFACE"): place for place in modules["engine"].iter("MEMRANGE")
    }
    for name, place in masters.items():
        assert tool.addresses[f"engine/{name}"] == place.get("SLAVEBUSINTERFACE")
    joined = {
        f"{end.get('INSTANCE')}/{end.get('PORT')}": f"{name}/{port.get('NAME')}"
        for name, module in modules.items()
        for port in module.iter("PORT")
        if port.get("DIR") == "O"
        for end in port.iter("CONNECTION")
    }
    assert len(joined) == 3
    assert all(tool.drivers[pin] == driver for pin, driver in joined.items())


def test_a_fault_says_where_it_is(scene):
    said = scene.design()("connect_clock interrupts/s_axi_aclk", "connect_clock interrupts/aclk")
    assert said.startswith("get_bd_pins: no pin interrupts/aclk")
    assert "line " in said


def test_pragmas_of_a_source_are_looked_at():
    text = """
void copy_top(hls::stream<m3vit::Row<ap_uint<8>, 4>>& in, hls::stream<ap_uint<1>>& out) {
    #pragma HLS INTERFACE mode=axis port=in
    #pragma HLS INTERFACE mode=axis port=output
}
"""
    assert source_faults(text, "copy_top") == [
        "port out has no INTERFACE mode=axis",
        "a pragma names output",
        "it has no INTERFACE mode=ap_ctrl_none",
    ]
    assert source_faults(text, "copy") == ["no function copy with streams"]


def test_without_tcl_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(UserError, match="needs Python's tkinter"):
        list(rehearse(DESIGN))
