import sys
from pathlib import Path

import pytest

from m3vit.hls.compiler import axilite
from m3vit.hls.compiler.interface import Interface, Stream
from m3vit.hls.compiler.ir import Field, Payload, Scalar
from m3vit.hls.compiler.library import RTL_LIBRARY
from m3vit.sim.rtl import runner, verilator

WORD = Payload("ap_uint<40>", 64, 40, (Field("", 0, 64, 40, False, 0),))
SCALARS = (Scalar("count", 8, False), Scalar("value", 40, False), Scalar("flag", 1, False))
REPEAT = Interface("Repeat", (Stream("words", WORD, "out"),), SCALARS, "ap_ctrl_hs")
ALL = frozenset({"return", "count", "value", "flag"})

TEXT = """
module Repeat (
    input  logic clk, rst_n,
    input  logic ap_start, output logic ap_done, ap_idle, ap_ready,
    input  logic [7:0] count, input logic [39:0] value, input logic flag,
    output logic [39:0] words_data, output logic words_valid, input logic words_ready
);
    logic [7:0] given;
    logic running;
    assign words_data = value;
    assign words_valid = running && given != count && !flag;
    assign ap_done = running && given == count;
    assign ap_ready = ap_done;
    assign ap_idle = !running && !ap_start;
    always_ff @(posedge clk) begin
        running <= rst_n && (running ? !ap_done : ap_start);
        given <= !running ? '0 : given + 8'(words_valid && words_ready);
    end
endmodule
"""


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    """Run the cocotb tests on a wrapper, changed by (file, text, replacement) or as it is."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])

    def run(file="", correct="", wrong=""):
        texts = {name: path.read_text() for name, path in RTL_LIBRARY.items()}
        texts |= {"Repeat": TEXT, "Repeat_axilite": axilite.emit(REPEAT, ALL)}
        if file:
            assert texts[file].count(correct) == 1
            texts[file] = texts[file].replace(correct, wrong)
        files = [tmp_path / f"{name}.sv" for name in texts]
        for path in files:
            path.write_text(texts[path.stem])
        runner.build(files, "Repeat_axilite").run("cocotb_axilite", tmp_path / "run")

    return run


def test_a_master_writes_starts_and_reads(simulate):
    simulate()


@pytest.mark.parametrize(
    ("file", "correct", "wrong"),
    [
        ("axilite_slave", "has_data ? !write_enable : wvalid", "!has_data && wvalid"),
        ("axilite_slave", "{8{wstrb[2]}}", "{8{wstrb[1]}}"),
        ("axilite_control", "{ready, done} <= events;", "{ready, done} <= {ready, done} | events;"),
        ("axilite_control", "ap_start <= auto_restart", "ap_start <= 1'b0"),
        (
            "Repeat_axilite",
            "& ~write_mask[7:0]);\n                4'd9",
            ");\n                4'd9",
        ),
    ],
)
def test_faults_are_found(simulate, file, correct, wrong):
    with pytest.raises(runner.SimulationError):
        simulate(file, correct, wrong)


# Layout and text ---------------------------------------------------------------------------------


def test_arguments_lie_where_vitis_puts_them():
    held = axilite.registers([*SCALARS, Scalar("far", 70, True)], ALL | {"far"})
    assert [(register.name, register.offset) for register in held] == [
        ("count", 0x10),
        ("value", 0x18),
        ("flag", 0x24),
        ("far", 0x2C),
    ]
    assert list(held[-1].words()) == [(0x2C, 0, 31), (0x30, 32, 63), (0x34, 64, 69)]


@pytest.mark.parametrize(
    ("chosen", "control", "control_kept"),
    [
        (ALL, "ap_ctrl_hs", "axilite"),
        ({"return"}, "ap_ctrl_hs", "axilite"),
        ({"count"}, "ap_ctrl_hs", "ap_ctrl_hs"),
        ({"value", "flag"}, "free-running", "free-running"),
    ],
)
def test_every_choice_of_registers_is_clean(tmp_path, chosen, control, control_kept):
    core = Interface("Repeat", REPEAT.streams, SCALARS, control)
    wrapper = axilite.interface(core, chosen)
    assert wrapper.control == control_kept
    assert {scalar.name for scalar in wrapper.scalars} == {"count", "value", "flag"} - set(chosen)
    text = TEXT
    if control == "free-running":
        text = text.replace(
            "    input  logic ap_start, output logic ap_done, ap_idle, ap_ready,\n", ""
        )
        text = text.replace("    logic running;", "    logic running, ap_start, ap_done;")
        text = text.replace("    assign ap_ready = ap_done;", "    assign ap_start = 1'b1;")
        text = text.replace("    assign ap_idle = !running && !ap_start;\n", "")
    files = [*RTL_LIBRARY.values(), tmp_path / "Repeat.sv", tmp_path / "Repeat_axilite.sv"]
    files[-2].write_text(text)
    files[-1].write_text(axilite.emit(core, chosen))
    used = [path for path in files if path.stem not in ("stream_fifo", "ram_sdp")]
    if "return" not in chosen:
        used = [path for path in used if path.stem != "axilite_control"]
    assert verilator.lint(used, "Repeat_axilite") == []


def test_the_text_begins_with_the_map():
    lines = axilite.emit(REPEAT, ALL).splitlines()
    assert lines[:6] == [
        "// Repeat behind AXI4-Lite registers, laid out as Vitis HLS does:",
        "//   0x00 CTRL, 0x04 GIE, 0x08 IER, 0x0c ISR",
        "//   0x10 count, 8 bits",
        "//   0x18 value, 40 bits",
        "//   0x24 flag, 1 bit",
        "module Repeat_axilite (",
    ]
