"""The core by Vitis HLS: its ports and the adapter; a hand-written module stands for Vitis'."""

import shutil
import stat

import pytest

from m3vit.errors import UserError
from m3vit.hls.design import DesignConfig
from m3vit.hls.engine import TOP, Engine, core_streams
from m3vit.hls.vitis.core import ADAPTER, VitisCore, padded, read_ports, synthesise_core
from m3vit.sim.rtl import verilator

DESIGN = DesignConfig.load("zcu104")


def vitis_module(design, renamed=("program",)):
    """An engine_top with the ports that UG1399 promises; what it computes is of no use."""
    declared, names, inputs, outputs = [], ["ap_clk", "ap_rst_n"], [], []
    for stream, (direction, width) in core_streams(design).items():
        name = f"{stream}_r" if stream in renamed else stream
        ports = [("TDATA", padded(width), direction), ("TVALID", 1, direction)]
        for suffix, bits, way in [*ports, ("TREADY", 1, "out" if direction == "in" else "in")]:
            port = f"{name}_{suffix}"
            span = f"[{bits - 1}:0]" if suffix == "TDATA" else ""
            declared.append(f"{way}put  {span} {port};")
            names.append(port)
            if way == "in":
                inputs.append(port)
            else:
                outputs.append(f"assign {port} = {{{bits}{{seen}}}};")
    return "\n".join(
        [
            "// made by hand",
            "module engine_top (",
            ",\n".join(names),
            ");",
            "input   ap_clk;",
            "input   ap_rst_n;",
            *declared,
            "reg seen;",
            f"always @(posedge ap_clk) seen <= ap_rst_n & (^{{{', '.join(inputs)}}});",
            *outputs,
            "endmodule",
            "",
        ]
    )


def core(renamed=("program",), changed=lambda ports: ports):
    return VitisCore(DESIGN, changed(read_ports(vitis_module(DESIGN, renamed), "engine_top")))


@pytest.mark.parametrize("renamed", [(), ("program",)])
def test_the_adapter_fits_between_engine_and_core(renamed, tmp_path):
    engine = Engine(DESIGN, core(renamed))
    files = engine.write(tmp_path / "engine")
    assert f"{ADAPTER}.sv" in [path.name for path in files]
    module = tmp_path / "engine_top.v"
    module.write_text(vitis_module(DESIGN, renamed))
    said = verilator.lint([*files, module], TOP)
    # Padding of outputs is left aside.
    assert [line for line in said if "_tdata" not in line] == []


@pytest.mark.parametrize(
    "changed",
    [
        lambda ports: {**ports, "ending_TDATA": ("output", 32)},
        lambda ports: {**ports, "store_responses_TREADY": ("input", 1)},
        lambda ports: {name: ports[name] for name in ports if name != "heartbeat_TVALID"},
    ],
)
def test_other_ports_are_refused(changed):
    with pytest.raises(UserError, match="Vitis HLS made the port"):
        core(changed=changed)


def test_ports_are_read_in_either_style():
    text = """
    module other(input wire a);
    endmodule
    module engine_top (
        input wire [7:0] x_TDATA, // input wire comment
        output reg  y,
        input z
    );
    endmodule
    """
    with pytest.raises(UserError, match="no module nothing"):
        read_ports(text, "nothing")
    found = read_ports(text, "engine_top")
    assert found["x_TDATA"] == ("input", 8)
    assert (found["y"], found["z"]) == (("output", 1), ("input", 1))
    assert "a" not in found


PROGRAM = r"""
test -f "$M3VIT_SETTINGS" || exit 3
mkdir -p engine_top/solution/impl/ip/hdl/verilog
cp "$MODULE" engine_top/solution/impl/ip/hdl/verilog/engine_top.v
mkdir -p engine_top/solution/syn/report
echo '<profile><ReportVersion><Version>2023.2</Version></ReportVersion></profile>' \
    > engine_top/solution/syn/report/csynth.xml
echo 00 > engine_top/solution/impl/ip/hdl/verilog/engine_top_table.dat
echo done
"""


def test_a_run_leaves_verilog_and_tables(tmp_path, monkeypatch):
    module = tmp_path / "module.v"
    module.write_text(vitis_module(DESIGN))
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "vitis-run"
    program.write_text(f"#!/bin/sh{PROGRAM}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    monkeypatch.setenv("MODULE", str(module))
    made, files = synthesise_core(DESIGN, tmp_path / "vitis")
    assert (made.top, made.version) == (ADAPTER, "2023.2")
    assert [path.name for path in files] == ["engine_top.v", "engine_top_table.dat"]
    told = (tmp_path / "vitis" / "engine_core.settings.tcl").read_text()
    assert "set settings(period) 3.333" in told
    assert "set settings(top) engine_top" in told
    program.write_text(program.read_text().replace("ReportVersion", "Report"))
    with pytest.raises(UserError, match="names no version of Vitis HLS"):
        synthesise_core(DESIGN, tmp_path / "vitis")
    program.write_text("#!/bin/sh\nexit 0\n")
    shutil.rmtree(tmp_path / "vitis")
    with pytest.raises(UserError, match=r"has not written .*engine_top\.v"):
        synthesise_core(DESIGN, tmp_path / "vitis")


def test_without_vitis_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"needs Vitis .* settings64\.sh"):
        synthesise_core(DESIGN, tmp_path)
