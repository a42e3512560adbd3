import sys
from pathlib import Path

import pytest

from m3vit.sim.rtl import runner, verilator

BENCH = """
module bench (input logic rst_n, output logic [7:0] count);
    logic clk = 0;
    always #5 clk = !clk;
    counter #(.STEP(3)) dut (.*);
endmodule
"""


@pytest.fixture
def simulation(counter, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent)])
    bench = counter.with_name("bench.sv")
    bench.write_text(BENCH)
    return runner.build([counter, bench], "bench", hdl_clock=True)


def test_cocotb_drives_a_design(simulation, tmp_path):
    environment = {"STEPS": "7", "EXPECTED": "21"}
    simulation.run("cocotb_counter", tmp_path / "run", environment=environment)


def test_a_failing_cocotb_test_is_a_failure_with_its_log(simulation, tmp_path):
    environment = {"STEPS": "7", "EXPECTED": "20"}
    with pytest.raises(runner.SimulationError, match="AssertionError"):
        simulation.run("cocotb_counter", tmp_path / "run", environment=environment)


def test_a_module_without_tests_is_a_failure(simulation, tmp_path):
    with pytest.raises(runner.SimulationError):
        simulation.run("m3vit.errors", tmp_path / "run")


def test_only_the_bench_is_public(monkeypatch, counter):
    commands = []
    monkeypatch.setattr(
        runner.TunedVerilator, "_execute", lambda self, cmds, cwd: commands.extend(cmds)
    )
    monkeypatch.setattr(verilator, "run_make", lambda arguments: None)
    monkeypatch.setattr(verilator, "make_arguments", lambda *arguments: [])
    monkeypatch.setattr(verilator, "cached_model", lambda *key: counter.parent / "missing")
    with pytest.raises(FileNotFoundError):  # nothing was compiled that could be cached
        runner.build([counter], "counter")
    assert len(commands) == 1
    assert "--public-flat-rw" not in commands[0] and "--vpi" in commands[0]


def test_a_design_that_does_not_compile_is_refused_with_verilators_words(counter):
    counter.write_text(counter.read_text().replace("count <= '0", "cout <= '0"))
    with pytest.raises(verilator.VerilatorError, match="cout"):
        runner.build([counter], "counter")
