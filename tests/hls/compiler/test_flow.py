"""The sample kernels through the whole flow: lint, yosys, and the C simulation beat by beat."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import m3vit.hls
from m3vit.hls.compiler import compile_source, yosys
from m3vit.sim.fuzz.campaign import run_batch
from m3vit.sim.fuzz.generate import Kernel
from m3vit.sim.rtl import runner, verilator

SOURCES = {path.stem: path for path in sorted(Path(__file__).parent.glob("kernels/*.cpp"))}


@dataclass(frozen=True)
class Run:
    """Items for each input, values of the scalars, and how often the kernel is called."""

    inputs: dict[str, int]
    output: str
    scalars: dict[str, int] = field(default_factory=dict)
    calls: int = 1


RUNS = {
    "banks": Run({"numbers": 192}, "sums", {"blocks": 3}),
    "centre_rows": Run({"values": 90}, "centred", {"width": 15, "rows": 3, "reciprocal": 68}, 2),
    "changes": Run({"values": 128}, "gains", {"rows": 8}, 2),
    "delay_line": Run({"inputs": 100}, "outputs"),
    "dot_product": Run({"vectors": 60}, "sums"),
    "histogram": Run({"bins": 150}, "counts", {"count": 75}, 2),
    "interval_two": Run({"indices": 40}, "pairs", {"count": 40}),
    "negative_result": Run({"values": 40}, "marks"),
    "network": Run({"input": 16}, "output", {"pairs": 8, "offset": 2**16 - 3}, 2),
    "round_fixed": Run({"inputs": 100}, "outputs"),
    "scale": Run({"values": 120}, "codes", {"count": 60, "factor": 2**16 - 77}, 2),
    "shuffle_bits": Run({"inputs": 60}, "outputs"),
}


@pytest.fixture(scope="module")
def designs():
    return {name: compile_source(path, name) for name, path in SOURCES.items()}


@pytest.mark.parametrize("name", SOURCES)
def test_verilator_has_nothing_to_say(designs, name, tmp_path):
    design = designs[name]
    assert verilator.lint(design.write(tmp_path / name), design.top) == []


def test_yosys_reads_everything(designs, tmp_path):
    script = []
    for name, design in designs.items():
        files = [path.relative_to(tmp_path) for path in design.write(tmp_path / name)]
        words = " ".join(str(path) for path in files)
        script += [f"read_verilog -sv {words}", f"hierarchy -check -top {design.top}", "proc"]
        script += ["check -assert", "design -reset"]
    yosys.run("; ".join(script), tmp_path)


def kernel(number, name):
    """A sample as the campaign of random kernels wants it; `while (true)` ends with its input."""
    run = RUNS[name]
    first = next(iter(run.inputs))
    text = re.sub(r"while \(true\)", f"M3VIT_FOREVER({first}, false)", SOURCES[name].read_text())
    signature = re.search(rf"void {name}\(([^)]*)\)", text)
    arguments = tuple(re.findall(r"(\w+)(?:,|$)", re.sub(r"<[^<>]*>", "", signature[1])))
    assert set(arguments) == {*run.inputs, run.output, *run.scalars}
    return Kernel(
        number,
        "sample",
        '#include "m3vit/stream.hpp"\n' + text,
        name,
        run.inputs,
        (run.output,),
        run.scalars,
        arguments,
        run.calls,
    )


def test_registers_start_a_compiled_function(designs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])
    design = designs["threshold"]
    assert [(r.name, r.offset) for r in design.registers] == [
        ("count", 0x10),
        ("limits_low", 0x18),
        ("limits_high", 0x20),
    ]
    simulation = runner.build(design.write(tmp_path / "rtl"), design.top)
    simulation.run("cocotb_threshold", tmp_path / "run")


def test_the_manuals_example_works(tmp_path, monkeypatch):
    manual = Path(m3vit.hls.__file__).resolve().parents[1] / "docs" / "hls-flow.md"
    blocks = dict(re.findall(r"```(cpp|python)\n(.*?)```", manual.read_text(), re.DOTALL))
    monkeypatch.chdir(tmp_path)
    Path("smooth.cpp").write_text(blocks["cpp"])
    exec(blocks["python"], {})


def test_hardware_equals_the_c_simulation():
    verdicts = run_batch([kernel(number, name) for number, name in enumerate(RUNS)])
    found = {verdict.kernel.top: (verdict.status, verdict.message) for verdict in verdicts}
    assert found == dict.fromkeys(RUNS, ("equal", ""))
